# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the benchmark's whole-subject parts: windows, throughput, start and growth."""

import sys

import numpy as np
import pytest
from conftest import write_subject

from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.inference.routing import assign_networks
from scripts.research.benchmark import batch as benchmark_batch
from scripts.research.benchmark import growth as benchmark_growth
from scripts.research.benchmark import nnunet as benchmark_nnunet
from scripts.research.benchmark import start as benchmark_start
from scripts.research.benchmark.process import Watched, inference_command, peak_of, watch
from scripts.research.benchmark.subjects import label_map_of, linked_subjects, networks_for, same_label_maps

TINY = {"filters": [4, 8, 16], "spacing": 4.0}


@pytest.mark.parametrize(
    ("size", "windows"),
    [
        ((128, 128, 128), 1),
        ((100, 128, 20), 1),  # padded to one window
        ((129, 192, 128), 2 * 2),  # one step of at most 64 reaches up to 192
        ((140, 175, 140), 2 * 2 * 2),
        ((193, 240, 155), 3 * 3 * 2),  # 65 / 64 and 112 / 64 need two steps
    ],
)
def test_windows_at_half_overlap(size, windows):
    assert benchmark_nnunet.window_count(size, (128, 128, 128), 0.5) == windows


def test_box_holds_what_is_not_zero_in_any_sequence():
    first, second = np.zeros((2, 10, 9, 8), np.int16)
    first[2:4, 5, 1] = 7
    second[6, 3, 1:4] = -1
    assert benchmark_nnunet.nonzero_box([first, second]) == (5, 3, 3)  # 2 to 6, 3 to 5, 1 to 3
    assert benchmark_nnunet.nonzero_box([np.zeros((4, 3, 2))]) == (4, 3, 2)


def test_large_network_is_scaled_by_windows_and_mirrorings():
    # 5 s x 8 windows x 8 mirrorings = 320 s; 6.4 s are a fiftieth of it
    args = ((140, 175, 140), (128, 128, 128), 31_000_000, (32, 64), 3, "w")
    rows = benchmark_nnunet.rows_of({"ours": 6.4, "window": 5.0}, *args)
    assert [row.value for row in rows] == [5.0, 320.0, 6.4, pytest.approx(0.02)]
    assert rows[1].detail == "5.00 s x 8 x 8" and "not run but scaled: 8 windows" in rows[1].what
    assert rows[3].met and rows[3].cells()[2] == "at most 0.0200" and "31.0 M" in rows[0].what


def test_large_network_has_the_size_of_nnunet_and_takes_four_channels():
    network = benchmark_nnunet._network(benchmark_nnunet.FILTERS)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(31, abs=1)
    assert network.input_block.conv1.conv.in_channels == 4


def test_throughput_is_in_subjects_a_minute_and_more_is_better():
    # 8 subjects in 16 s are 30 a minute, in 10 s 48: 1.6 times
    rows = benchmark_batch.rows_of({"one by one": 16.0, "batch": 10.0}, 8, "8 subjects", 3)
    assert [row.value for row in rows] == [30, 48, pytest.approx(1.6)]
    assert rows[2].met and rows[2].cells()[2] == "at least 1.30"
    assert not benchmark_batch.rows_of({"one by one": 12.0, "batch": 10.0}, 8, "8 subjects", 3)[2].met


def test_start_is_beside_fifteen_seconds_and_three_gib():
    rows = benchmark_start.rows_of(9.0, 3.1, "240 x 240 x 155", 3)
    assert [(row.value, row.met) for row in rows] == [(9.0, True), (3.1, False)]


def test_line_through_times_that_grow_evenly():
    start, each, deviation = benchmark_growth.line({1: 6.0, 4: 9.0, 16: 21.0})
    assert (start, each, deviation) == (pytest.approx(5), pytest.approx(1), pytest.approx(0, abs=1e-9))


def test_times_that_grow_with_the_square_are_no_line():
    assert benchmark_growth.line({n: float(n * n) for n in (1, 4, 16, 64)})[2] > benchmark_growth.LIMIT_DEVIATION


def test_growth_is_judged_by_the_line_and_by_memory_once_the_pipeline_is_full():
    # 5 s and 1 s a subject; 2.1 GiB / 2.0 GiB = 1.05, though 2.1 / 1.0 for one subject
    peaks = {1: 1.0, 4: 2.0, 16: 2.05, 64: 2.1}
    rows = benchmark_growth.rows_of({n: Watched(4.0, 5.0 + n, peak) for n, peak in peaks.items()}, "240")
    assert [row.value for row in rows[:4]] == [6, 9, 21, 69] and rows[2].detail == "peak 2.05 GiB"
    assert rows[4].value == pytest.approx(1) and "5.0 s to start" in rows[4].what
    assert rows[5].met and rows[6].value == pytest.approx(1.05) and rows[6].met
    assert "64 subjects / of 4" in rows[6].what and rows[7].value == 2.1 and rows[7].met


def test_one_subject_stands_in_a_folder_under_many_names(subject, tmp_path):
    folder = linked_subjects(subject, tmp_path / "scans", 3)
    items = subjects_in(folder, SEQUENCES, labelled=False)
    assert [item["subject"] for item in items] == ["Subject_000", "Subject_001", "Subject_002"]
    for item in items:
        for name in SEQUENCES:
            with open(item[name], "rb") as link, open(subject[name], "rb") as file:
                assert link.read() == file.read()


def test_label_maps_that_differ_are_named(tmp_path):
    for run, peak in (("a", 4), ("b", 4), ("c", 2)):
        path = label_map_of(tmp_path / run, 0)
        folder = write_subject(tmp_path / "made", f"{run}", names=("label",), label=np.full((3, 3, 3), peak, np.uint8))
        path.parent.mkdir(parents=True)
        (folder / f"{run}_seg.nii.gz").rename(path)
    same_label_maps(tmp_path / "a", tmp_path / "b", 1)
    with pytest.raises(RuntimeError, match="Subject_000_seg.nii.gz differ"):
        same_label_maps(tmp_path / "a", tmp_path / "c", 1)


def test_networks_of_random_weights_serve_the_batch(subject, tmp_path):
    folder, title = networks_for(tmp_path, SEQUENCES, TINY)
    assert title == "random weights" and assign_networks([subject], folder)[0]["network"].endswith("teacher.pt")
    with pytest.raises(UserError, match="no network"):
        assign_networks([subject], tmp_path / "elsewhere")


def test_command_is_the_users_own():
    command = inference_command(["inference.json", "batch_inference.json"], {"dataset_dir": "my scans"})
    assert command[1:5] == ["-m", "monai.bundle", "run", "inference"]
    assert command[command.index("--dataset_dir") + 1] == "my scans"
    assert command[command.index("--config_file") + 1].count(".json") == 2


def test_first_result_is_seen_before_the_process_ends(tmp_path):
    result = tmp_path / "result"
    program = f"import time; time.sleep(.1); open({str(result)!r}, 'w'); time.sleep(1)"
    seen = watch([sys.executable, "-S", "-c", program], result, 1)
    assert 0.1 <= seen.first < seen.seconds - 0.2 and 0 < seen.peak < 0.2


def test_a_command_that_fails_or_writes_nothing_is_an_error_with_what_it_said(tmp_path):
    for program in ("print('alas'); raise SystemExit(3)", "print('alas')"):
        with pytest.raises(RuntimeError, match="alas"):
            watch([sys.executable, "-S", "-c", program], tmp_path / "result", 1)


def test_peak_of_a_process_that_has_ended_is_zero():
    assert peak_of("self") > 0.01 and peak_of(2**22 + 1) == 0
