# SPDX-License-Identifier: Apache-2.0
"""What an inference is given: a folder or one image, and items of other programs; `test_image_inference` runs them whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import AFFINE, VALUES, save, scan_array, write_subject
from monai.data import MetaTensor
from scripts.common.errors import ScanError
from scripts.common.files import ROOT
from scripts.common.label_map_state import sha256_of
from scripts.common.sequences import SEQUENCES
from scripts.data.load_scan import LoadSequencesd
from scripts.inference.load_scans import LoadScansd, subjects_to_segment

OWN = ("t1ce", "flair")


@pytest.fixture
def image(tmp_path):
    """A NIfTI file with the four sequences as channels."""
    return save(np.stack([scan_array(VALUES[name]) for name in SEQUENCES], axis=-1), tmp_path / "P1.nii.gz")


def test_without_an_image_the_folder_is_listed(tmp_path, fifteen):
    write_subject(tmp_path, "S1")
    (item,) = subjects_to_segment(tmp_path, OWN, fifteen)
    assert item["subject"] == "S1" and "network" not in item and "t1" not in item


def test_an_image_of_other_sequences_gets_their_network_and_one_of_the_runs_own_none(image, fifteen):
    (item,) = subjects_to_segment("nowhere", OWN, fifteen, str(image))
    assert item["sequences"] == "t1+t1ce+t2+flair" and item["network"] == str(fifteen / "teacher.pt")
    (item,) = subjects_to_segment("nowhere", SEQUENCES, fifteen, str(image))
    assert item["sequences"] == "t1+t1ce+t2+flair" and "network" not in item


def test_items_of_a_folder_are_loaded_as_before(subject):
    ours, theirs = LoadScansd("image", OWN)(subject), LoadSequencesd(OWN)(subject)
    assert ours.pop("scans_sha256") == {name: sha256_of(Path(subject[name])) for name in OWN}
    assert ours.keys() == theirs.keys() and torch.equal(ours["image"].as_tensor(), theirs["image"].as_tensor())
    assert ours["image"].meta["sequences"] == "t1ce+flair" and "network" not in ours["image"].meta


def test_items_of_other_programs_keep_their_keys_and_tell_the_inferer_the_network(image, fifteen):
    request = {"image": str(image), "image_path": str(image), "model": "brats", "device": "cpu"}
    data = LoadScansd("image", OWN, ckpt_dir=fifteen)(request)
    assert data["image"].shape[0] == 4 and [int(channel.max()) for channel in data["image"]] == list(VALUES.values())
    assert data["image"].meta["network"] == data["network"] == str(fifteen / "teacher.pt")
    assert data["subject"] == "P1" and data.items() >= {"model": "brats", "device": "cpu"}.items()
    # MONAI's Spacingd would take MONAI Label's image_path for metadata
    assert "filename_or_obj" not in data["image"].meta


def test_an_image_in_memory_is_loaded_and_nothing_else_is_a_tensor(fifteen):
    array = torch.from_numpy(np.stack([scan_array(VALUES[name]) for name in OWN]).astype(np.float32))
    data = LoadScansd("image", OWN, ckpt_dir=fifteen)({"image": MetaTensor(array, affine=torch.from_numpy(AFFINE))})
    assert torch.equal(data["image"].as_tensor(), array) and data["sequences"] == "t1ce+flair"
    assert [name for name, value in data.items() if isinstance(value, torch.Tensor)] == ["image"]


def test_without_the_folder_of_networks_the_bundles_own_are_taken(image):
    data = LoadScansd("image", OWN, ckpt_dir="no such folder")({"image": str(image)})
    assert data["network"].endswith("models/teacher.pt")


def test_a_folder_models_of_another_program_is_not_taken_for_the_bundles(image, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.ts").touch()  # as MONAI Deploy has it
    monkeypatch.chdir(tmp_path)
    data = LoadScansd("image", OWN, ckpt_dir="models")({"image": str(image)})
    assert data["network"] == str(ROOT / "models" / "teacher.pt")


def test_sequences_without_a_network_are_refused(image, tmp_path, fifteen):
    for ending in ("pt", "json"):
        (tmp_path / f"model_t2.{ending}").write_bytes((fifteen / f"model_t2.{ending}").read_bytes())
    with pytest.raises(ScanError, match=r"no network for its sequences t1\+t1ce\+t2\+flair, only for t2"):
        LoadScansd("image", OWN, ckpt_dir=tmp_path)({"image": str(image)})
    (item,) = subjects_to_segment("nowhere", OWN, tmp_path, str(image))
    assert "no network for its sequences" in item["error"]
