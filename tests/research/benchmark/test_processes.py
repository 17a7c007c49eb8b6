# SPDX-License-Identifier: Apache-2.0
"""A fresh process is watched; time and memory of more and more subjects are compared with a line."""

import sys

import pytest
from scripts.research.benchmark.processes import (
    DEVIATION_LIMIT,
    Watched,
    fit_line,
    inference_command,
    peak_memory,
    rows_of_counts,
    watch,
)


def test_line_through_times_that_grow_evenly():
    start, each, deviation = fit_line({1: 6.0, 4: 9.0, 16: 21.0})
    assert (start, each, deviation) == (pytest.approx(5), pytest.approx(1), pytest.approx(0, abs=1e-9))


def test_times_that_grow_with_the_square_are_no_line():
    assert fit_line({n: float(n * n) for n in (1, 4, 16, 64)})[2] > DEVIATION_LIMIT


def test_growth_of_memory_is_measured_from_a_full_pipeline_on():
    # 5 s and 1 s a subject; 2.1 GiB / 2.0 GiB = 1.05, though 2.1 / 1.0 for one subject
    peaks = {1: 1.0, 4: 2.0, 16: 2.05, 64: 2.1}
    rows = rows_of_counts({n: Watched(4.0, 5.0 + n, peak) for n, peak in peaks.items()}, "240")
    assert [row.value for row in rows[:4]] == [6, 9, 21, 69] and rows[2].detail == "peak 2.05 GiB"
    assert rows[4].value == pytest.approx(1) and "5.0 s to start" in rows[4].what
    assert rows[5].met and rows[6].value == pytest.approx(1.05) and rows[6].met
    assert "64 subjects / of 4" in rows[6].what and rows[7].value == 2.1 and rows[7].met


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


def test_a_command_that_fails_or_writes_nothing_is_an_error_with_its_output(tmp_path):
    for program in ("print('alas'); raise SystemExit(3)", "print('alas')"):
        with pytest.raises(RuntimeError, match="alas"):
            watch([sys.executable, "-S", "-c", program], tmp_path / "result", 1)


def test_peak_memory_of_a_process_that_has_ended_is_zero():
    assert peak_memory() > 0.01 and peak_memory(2**22 + 1) == 0
