# SPDX-License-Identifier: Apache-2.0
"""The bundle is used from another folder, which has a package called scripts of its own, without PYTHONPATH."""

import os
import subprocess
import sys

import nibabel as nib
import pytest
from tiny import ROOT


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with a `scripts` package that has nothing to do with the bundle."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("raise ImportError('this is another project')\n")
    return folder


def _python(folder, *arguments) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-3000:]
    return log


def test_inference_runs_from_another_folder(elsewhere, one_subject):
    keys = ["--bundle_root", ROOT, "--dataset_dir", one_subject.parent, "--output_dir", elsewhere / "out"]
    _python(elsewhere, "-m", "monai.bundle", "run", "--config_file", ROOT / "configs" / "inference.json", *keys)
    label_map = nib.load(elsewhere / "out" / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert label_map.shape == nib.load(one_subject / f"{one_subject.name}_flair.nii.gz").shape


def test_training_runs_from_another_folder(elsewhere, cohort):
    keys = ["--bundle_root", ROOT, "--output_dir", elsewhere / "trained", "--simulated#folder", cohort]
    tiny = {"spacing": 4.0, "filters": [4, 8, 16], "patch_size": [32, 32, 32], "patches_per_epoch": 2, "epochs": 1}
    tiny |= {"objective#terms#barlow_twins#loss#project_dim": 8, "device": "cpu"}
    tiny |= {"simulated#training": 2, "simulated#validation": 1, "simulated#test": 1}
    keys += [part for key, value in tiny.items() for part in (f"--{key}", str(value))]
    log = _python(elsewhere, "-m", "monai.bundle", "run", "--config_file", ROOT / "configs" / "train.json", *keys)
    assert (elsewhere / "trained" / "model.pt").is_file() and (elsewhere / "trained" / "teacher.pt").is_file()
    # the shipped teacher has other filters than this tiny network
    assert "teacher, student start from random weights, since the trained teacher has other filters" in log
    assert "loss = 1 teacher_segmentation + 1 student_segmentation + 2 barlow_twins" in log
    assert f"--ckpt_dir {elsewhere / 'trained'}" in log


CHECK = """
import sys, torch
from monai.bundle import ckpt_export, create_workflow, load, verify_net_in_out
root, name = sys.argv[1:]
config, meta = f"{root}/{name}/configs/inference.json", f"{root}/{name}/configs/metadata.json"
model = load(name=name, bundle_dir=root)
state = torch.load(f"{root}/{name}/models/model.pt", weights_only=True)
assert all(torch.equal(model.state_dict()[key], value.float()) for key, value in state.items())
teacher = load(name=name, bundle_dir=root, model_file="models/teacher.pt", net_override={"in_channels": 4})
state = torch.load(f"{root}/{name}/models/teacher.pt", weights_only=True)
assert all(torch.equal(teacher.state_dict()[key], value.float()) for key, value in state.items())
verify_net_in_out(net_id="network_def", meta_file=meta, config_file=config, n=1, device="cpu")
ckpt_export("network_def", "model.ts", f"{root}/{name}/models/model.pt", meta, config_file=config)
workflow = create_workflow(config_file=config, workflow_type="inference", bundle_root=f"{root}/{name}")
assert workflow.network_def.in_channels == 2
print("all of them")
"""


def test_load_net_check_export_and_workflow_from_another_folder(elsewhere):
    assert "all of them" in _python(elsewhere, "-W", "ignore", "-c", CHECK, ROOT.parent, ROOT.name)
    assert (elsewhere / "model.ts").is_file()
