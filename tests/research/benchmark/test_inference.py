# SPDX-License-Identifier: Apache-2.0
"""Ours and the reference segment the same subject; their times are compared with the limits."""

import numpy as np
import pytest
import torch
from conftest import save
from scripts.common.sequences import SEQUENCES
from scripts.research.benchmark.inference import (
    brats_label_map,
    comparison_rows,
    prepare_ours,
    prepare_reference,
    run_once,
    throughput_rows,
)
from scripts.research.benchmark.subjects import one_subject


def test_inference_is_compared_with_an_eighth_of_the_reference_and_three_gib():
    # 3 s / 20 s = 0.15 > 1/8
    times, peaks = {"ours": 3.0, "reference": 20.0}, {"ours": 2.9, "reference": 5.0}
    rows = comparison_rows(times, peaks, "240 x 240 x 155", 3)
    assert [(row.value, row.met) for row in rows] == [(3, None), (20, None), (0.15, False), (2.9, True), (5, None)]
    assert rows[2].cells()[2] == "at most 0.125"


def test_throughput_is_in_subjects_a_minute_and_more_is_better():
    # 8 subjects in 16 s are 30 a minute, in 10 s 48: 1.6 times
    rows = throughput_rows({"one by one": 16.0, "batch": 10.0}, 8, "8 subjects", 3)
    assert [row.value for row in rows] == [30, 48, pytest.approx(1.6)]
    assert rows[2].met and rows[2].cells()[2] == "at least 1.30"
    assert not throughput_rows({"one by one": 12.0, "batch": 10.0}, 8, "8 subjects", 3)[2].met


def test_reference_labels_as_brats_does():
    # columns: nothing, oedema (wt), necrosis (tc and wt), enhancing (all)
    regions = torch.tensor([[0.0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]).reshape(3, 4, 1, 1)
    assert brats_label_map(regions).flatten().tolist() == [0, 2, 1, 4]


def test_both_run_on_one_subject(tmp_path):
    brain = np.zeros((20, 20, 16), np.int16)
    for number, name in enumerate(SEQUENCES):  # no two sequences are the same
        brain[4:16, 4:16, 4:12] = np.random.default_rng(number).integers(100, 200, (12, 12, 8))
        save(brain, tmp_path / "scans" / "A" / f"A_{name}.nii.gz")
    item = one_subject(str(tmp_path / "scans"), tmp_path, 0)
    threads = torch.get_num_threads()
    ours = run_once(threads, prepare_ours, item)
    reference = run_once(threads, prepare_reference, item, (24, 24, 16))
    assert min(ours + reference) > 0


def test_a_run_without_a_label_map_is_an_error():
    with pytest.raises(RuntimeError, match="has saved no label map"):
        run_once(torch.get_num_threads(), lambda output_dir: lambda: None)
