# SPDX-License-Identifier: Apache-2.0
"""The benchmark's arithmetic and its table; the times themselves depend on the machine."""

import argparse
import math

import numpy as np
import pytest
import torch
from conftest import save, write_msd, write_subject

from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark import data as benchmark_data
from scripts.research.benchmark import inference as benchmark_inference
from scripts.research.benchmark import step as benchmark_step
from scripts.research.benchmark.__main__ import parts_of, positive
from scripts.research.benchmark.networks import network_rows
from scripts.research.benchmark.recipes import RECIPES, all_students_ratio, all_students_row, recipe_rows
from scripts.research.benchmark.table import Row, facts, markdown

TINY = {"device": "cpu", "filters": [4, 8, 16], "patch_size": [32, 32, 32]}


def test_limit_is_met_at_the_limit_but_not_above_nor_by_nan():
    assert Row("", 1.10, "{:.2f}", 1.10).met is True
    assert Row("", 1.11, "{:.2f}", 1.10).met is False
    assert Row("", math.nan, "{:.2f}", 1.10).met is False
    assert Row("", 1.0, "{:.2f}").met is None


def test_limit_from_below_is_met_at_the_limit_but_not_below_nor_by_nan():
    assert Row("", 1.3, "{:.2f}", 1.3, at_least=True).met is True
    assert Row("", 1.29, "{:.2f}", 1.3, at_least=True).cells()[2:] == ("at least 1.30", "**no**")
    assert Row("", math.nan, "{:.2f}", 1.3, at_least=True).met is False


def test_table_has_a_line_a_row_and_the_facts_below():
    rows = [Row("memory", 4.5, "{:.1f} GiB", 4.0, "peak"), Row("time", 2.0, "{:.2f} s")]
    assert markdown(rows, {"seed": "0"}).splitlines() == [
        "# Benchmark",
        "",
        "| what | measured | asked | met |",
        "|---|---|---|---|",
        "| memory | 4.5 GiB (peak) | at most 4.0 GiB | **no** |",
        "| time | 2.00 s |  |  |",
        "",
        "- seed: 0",
    ]


def test_facts_name_the_machine_the_versions_and_the_command():
    known = facts(2, 7, ["--scans", "my scans"])
    assert known["threads of torch"] == "2" and known["seed"] == "7"
    assert f"torch {torch.__version__}" in known["versions"]
    assert known["command"] == "`python -m scripts.research.benchmark --scans 'my scans'`"


def test_joint_step_is_compared_with_the_sum_of_both():
    # 2.1 / (1.2 + 0.8) = 1.05
    (row,) = benchmark_step.rows_of({"joint": 2.1, "teacher": 1.2, "student": 0.8}, (2, 64, 64, 64), 5)
    assert row.value == pytest.approx(1.05) and row.met
    assert row.cells()[1:3] == ("1.050 (2.100 s / (1.200 s + 0.800 s))", "at most 1.100")


def test_inference_is_compared_with_an_eighth_of_the_reference_and_three_gib():
    # 3 s / 20 s = 0.15 > 1/8
    rows = benchmark_inference.rows_of(
        {"ours": 3.0, "reference": 20.0}, {"ours": 2.9, "reference": 5.0}, (240, 240, 155), 3, "random weights"
    )
    assert [(row.value, row.met) for row in rows] == [(3, None), (20, None), (0.15, False), (2.9, True), (5, None)]
    assert rows[2].cells()[2] == "at most 0.125"


def test_waiting_is_a_share_of_waiting_and_computing():
    # 2 s waiting + 18 s computing = 20 s: 10%, just allowed; 5 s of the computing are rendering: 25%
    waiting, rendering = benchmark_data.rows_of(2.0, 5.0, 18.0, 3, 30)
    assert waiting.cells()[1:] == ("10.0% (2.00 s of 20.0 s)", "at most 10.0%", "yes")
    assert rendering.value == pytest.approx(0.25) and rendering.met is None


def test_networks_alone_are_those_of_the_joint_step():
    joint = benchmark_step.Step(benchmark_step.JOINT, TINY).network
    teacher = benchmark_step.Step(benchmark_step.ALONE, TINY | benchmark_step.TEACHER_ALONE).network
    student = benchmark_step.Step(benchmark_step.ALONE, TINY).network

    def shapes(network):
        return {name: tuple(value.shape) for name, value in network.state_dict().items()}

    assert shapes(teacher.student) == shapes(joint.teacher) and teacher.teacher is None
    assert shapes(student.student) == shapes(joint.student) and student.teacher is None
    assert teacher.student_channels == [0, 1, 2, 3] and student.student_channels == joint.student_channels
    assert list(joint.objective.terms) == ["teacher_segmentation", "student_segmentation", "barlow_twins"]
    assert list(teacher.objective.terms) == list(student.objective.terms) == ["student_segmentation"]


def test_step_changes_the_weights():
    step = benchmark_step.Step(benchmark_step.ALONE, TINY)
    before = [p.detach().clone() for p in step.network.parameters()]
    seconds = step(torch.randn(2, 4, 32, 32, 32), torch.zeros(2, 3, 32, 32, 32))
    assert seconds > 0 and any(not torch.equal(a, b) for a, b in zip(before, step.network.parameters()))


def test_reference_numbers_labels_as_brats_does():
    # columns: nothing, oedema (wt), necrosis (tc and wt), enhancing (all)
    regions = torch.tensor([[0.0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]).reshape(3, 4, 1, 1)
    assert benchmark_inference._label_map(regions).flatten().tolist() == [0, 2, 1, 4]


def test_both_ways_of_inference_run_on_one_subject(tmp_path):
    brain = np.zeros((20, 20, 16), np.int16)
    brain[4:16, 4:16, 4:12] = np.random.default_rng(0).integers(100, 200, (12, 12, 8))
    for name in SEQUENCES:
        save(brain, tmp_path / "scans" / "A" / f"A_{name}.nii.gz")
    item = benchmark_inference.one_subject(str(tmp_path / "scans"), tmp_path, 0)
    ours = benchmark_inference.segment(item, {"filters": [4, 8, 16], "load_pretrain": False}, str(tmp_path / "ours"))
    reference = benchmark_inference.segment_as_reference(item, (24, 24, 16), str(tmp_path / "reference"))
    for run, folder in ((ours, "ours"), (reference, "reference")):
        run()
        assert len(list((tmp_path / folder).rglob("*_seg.nii.gz"))) == 1
    assert benchmark_inference._peak_memory() > 0.1


def test_subject_without_all_sequences_or_in_a_4d_file_is_refused(tmp_path):
    write_subject(tmp_path / "partial", "A", names=("t1", "flair"))
    with pytest.raises(UserError, match="lacks t1ce, t2"):
        benchmark_inference.one_subject(str(tmp_path / "partial"), tmp_path, 0)
    write_msd(tmp_path / "msd")
    with pytest.raises(UserError, match="4D"):
        benchmark_inference.one_subject(str(tmp_path / "msd"), tmp_path, 0)


def test_parts_and_numbers_are_checked_before_anything_runs():
    assert parts_of("step,data") == ("step", "data")
    with pytest.raises(argparse.ArgumentTypeError, match="no part 'steps', only step, inference, nnunet, start"):
        parts_of("steps")
    with pytest.raises(argparse.ArgumentTypeError, match="'0' is not a whole number of at least 1"):
        positive("0")


def test_light_students_cost_by_hand():
    rows = {row.what: row.value for row in network_rows(1, overrides=TINY | {"teacher_filters": [8, 16, 32]})}
    # filters 4, 8, 16; convolutions without bias 3 x 3 x 3, two sequences; instance norms without weights;
    # transposed convolutions 2 x 2 x 2; a 1 x 1 x 1 output with bias
    down = 27 * (2 * 4 + 4 * 4 + 4 * 8 + 8 * 8 + 8 * 16 + 16 * 16)
    up = 8 * (16 * 8 + 8 * 4) + 27 * (16 * 8 + 8 * 8 + 8 * 4 + 4 * 4)
    assert rows["light student (4-8-16), parameters"] * 1e6 == pytest.approx(down + up + 3 * 4 + 3)
    voxels = 32**3
    multiply_adds = voxels * 27 * (2 * 4 + 4 * 4 + 8 * 4 + 4 * 4) + voxels * 3 * 4 + voxels * (8 * 4)
    multiply_adds += voxels / 8 * 27 * (4 * 8 + 8 * 8 + 16 * 8 + 8 * 8) + voxels / 8 * (16 * 8)
    multiply_adds += voxels / 64 * 27 * (8 * 16 + 16 * 16)
    assert rows["light student, multiply-adds on 32 x 32 x 32"] * 1e9 == pytest.approx(multiply_adds)


def test_every_recipe_is_beside_a_control_of_its_size():
    rows = recipe_rows(1, overrides=TINY)
    assert [row.what.split()[0] for row in rows] == [name for name in RECIPES if name != "no_distillation"]
    assert all(row.value > 0 for row in rows)
    assert [row.what.split(" / ")[1].split(",")[0] for row in rows if row.what.startswith("emkd")] == [
        "light control step"
    ]


def test_cost_of_all_students_is_of_as_many_updates_and_counts_the_rendering():
    row = all_students_ratio(together=4.9, joint=0.9, rendered=0.1, students=7)
    assert row.value == pytest.approx(5.0 / 7.0) and row.limit == 0.60 and row.met is False


def test_all_students_are_timed_beside_joint_steps_of_every_setting():
    row = all_students_row(1, overrides=TINY | {"students_per_step": 2, "spacing": 6.0})
    assert row.value > 0 and "2 students a step" in row.what
