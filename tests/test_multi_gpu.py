# SPDX-License-Identifier: Apache-2.0
"""`torchrun` with the overlay for several processes, on two CPU processes, from the simulated cohort to the weights."""

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from scripts.common.errors import UserError
from scripts.training.distributed import join_process_group, subjects_of_process
from test_workflows import TINY
from tiny import ROOT

# what each process ends with, for the tests to compare
REPORT = (
    "$torch.save({'weights': @distiller.state_dict(), 'images': @train#trainer.state.output[0]['image'],"
    " 'subjects': [subject['subject'] for subject in @train#dataset.data], 'seed': torch.initial_seed(),"
    " 'metrics': @validate#evaluator.state.metrics},"
    " @output_dir + '/process%d.pt' % dist.get_rank())"
)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The output folder and the log of a tiny training in two processes."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "report.json").write_text(json.dumps({"+run": [REPORT]}))
    configs = [str(ROOT / "configs" / name) for name in ("train.json", "multi_gpu_train.json")]
    keys = TINY | {"output_dir": str(folder / "output"), "simulated#folder": str(folder / "cohort")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["-m", "monai.bundle", "run", "training", "--config_file", str([*configs, str(folder / "report.json")])]
    command += [part for key, value in keys.items() for part in (f"--{key}", str(value))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-5000:]
    return folder / "output", log


@pytest.fixture(scope="module")
def reports(two_processes):
    return [torch.load(two_processes[0] / f"process{rank}.pt", weights_only=False) for rank in range(2)]


def test_both_processes_end_with_the_same_weights_and_metrics(reports):
    first, second = reports
    assert first["metrics"] == second["metrics"] and first["metrics"]["student_dice"] > 0
    for name, value in first["weights"].items():
        assert torch.equal(value, second["weights"][name]), name


def test_each_process_trains_on_subjects_and_random_numbers_of_its_own(reports):
    first, second = reports
    assert not set(first["subjects"]) & set(second["subjects"])
    assert first["seed"] != second["seed"]
    assert not torch.equal(first["images"], second["images"])


def test_main_process_alone_simulates_logs_and_saves(two_processes):
    output, log = two_processes
    # lines of the two processes may break each other, so no line of the bar need be whole
    assert (
        log.count("Simulating subjects:   0%") <= 1 and len(list((output.parent / "cohort").glob("Simulated_*"))) == 4
    )
    assert log.count("student_dice") > 0 and log.count("Epoch[1] Metrics -- mean_dice") == 1
    names = {file.name for file in output.iterdir()} - {"process0.pt", "process1.pt"}
    assert names == {"model.pt", "model.json", "teacher.pt", "teacher.json", "last.pt", "tensorboard"}
    assert len(list((output / "tensorboard").iterdir())) == 2  # of the trainer and the evaluator
    assert json.loads((output / "model.json").read_text())["processes"] == 2


def test_without_torchrun_the_sentence_says_so(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(UserError, match="torchrun --standalone"):
        join_process_group("cpu")


@pytest.mark.parametrize("count, parts", [(5, [[0, 2, 4], [1, 3]]), (1, [[0], [0]]), (0, [[], []])])
def test_subjects_are_shared_out_and_nobody_is_left_without(monkeypatch, count, parts):
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        assert subjects_of_process(list(range(count))) == parts[rank]
