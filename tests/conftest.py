# SPDX-License-Identifier: Apache-2.0
"""Tiny subjects on disk, in each of the namings that the readers understand."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.networks.nets import DynUNet
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.common.weights import save_weights, student_file
from scripts.simulation.cohort import make_cohort
from tiny import run, tiny

SHAPE = (6, 5, 4)
AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
NAMES = {
    "brats": {"t1": "_t1", "t1ce": "_t1ce", "t2": "_t2", "flair": "_flair", "label": "_seg"},
    "brats2023": {"t1": "-t1n", "t1ce": "-t1c", "t2": "-t2w", "flair": "-t2f", "label": "-seg"},
}
# The brightest voxel of each sequence, which tells the sequences apart.
VALUES = {"t1": 10, "t1ce": 20, "t2": 30, "flair": 40}


def save(array, path, affine=AFFINE) -> Path:
    """Write an array as NIfTI, in its own data type, and make the folders for it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(array), affine), path)
    return path


def scan_array(peak, shape=SHAPE) -> np.ndarray:
    """Background exactly 0 and a small brain whose brightest voxel, (2, 2, 2), has the value `peak`."""
    array = np.zeros(shape, np.int16)
    array[1:4, 1:4, 1:3] = peak // 2
    array[2, 2, 2] = peak
    return array


def label_array(values=(0, 1, 2, 4), shape=SHAPE) -> np.ndarray:
    """The given values in a row from voxel (0, 0, 0) on along the first axis, otherwise 0."""
    array = np.zeros(shape, np.uint8)
    array[: len(values), 0, 0] = values
    return array


def write_subject(
    folder, subject, naming="brats", names=("t1", "t1ce", "t2", "flair", "label"), label=None, suffix=".nii.gz"
) -> Path:
    """Write the named files of one subject into `folder`/`subject`, which is returned."""
    for name in names:
        default = label_array((0, 1, 2, 4) if naming == "brats" else (0, 1, 2, 3))
        array = scan_array(VALUES[name]) if name != "label" else (default if label is None else label)
        save(array, Path(folder) / subject / f"{subject}{NAMES[naming][name]}{suffix}")
    return Path(folder) / subject


def write_msd(folder, subjects=("BRATS_001", "BRATS_002"), with_json=True) -> Path:
    """Write MSD Task01_BrainTumour: volumes FLAIR, T1w, t1gd, T2w, labels 1 oedema, 2 core, 3 enhancing."""
    folder = Path(folder)
    volumes = np.stack([scan_array(VALUES[name]) for name in ("flair", "t1", "t1ce", "t2")], axis=-1)
    for subject in subjects:
        save(volumes, folder / "imagesTr" / f"{subject}.nii.gz")
        save(label_array((0, 1, 2, 3)), folder / "labelsTr" / f"{subject}.nii.gz")
        (folder / "imagesTr" / f"._{subject}.nii.gz").write_text("what macOS leaves in the archive")
    save(volumes, folder / "imagesTs" / "BRATS_485.nii.gz")
    if with_json:
        content = {
            "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
            "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
            "training": [
                {"image": f"./imagesTr/{subject}.nii.gz", "label": f"./labelsTr/{subject}.nii.gz"}
                for subject in subjects
            ],
            "test": ["./imagesTs/BRATS_485.nii.gz"],
        }
        (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def subject(tmp_path) -> dict:
    """A complete subject in BraTS 2021 naming, as a datalist item."""
    folder = write_subject(tmp_path, "BraTS2021_00001")
    files = {name: str(folder / f"BraTS2021_00001{ending}.nii.gz") for name, ending in NAMES["brats"].items()}
    return {"subject": "BraTS2021_00001", "label_convention": "brats"} | files


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Folder of a tiny simulated cohort, which the first training makes."""
    return str(tmp_path_factory.mktemp("cohort") / "simulated")


@pytest.fixture(scope="session")
def trained(cohort, tmp_path_factory):
    """Two epochs of the main job, in one go."""
    output = tmp_path_factory.mktemp("trained") / "output"
    run("train.json", **tiny(cohort), output_dir=str(output))
    return output


@pytest.fixture(scope="session")
def one_subject(tmp_path_factory):
    """Folder of one simulated subject of 4 mm voxels with all four sequences."""
    root = make_cohort(str(tmp_path_factory.mktemp("one") / "cohort"), 0, 0, 1, spacing=4.0, seed=3, workers=1)
    (Path(root) / "dataset.json").unlink()  # it names files that the tests take away
    return next(Path(root).glob("Simulated_*"))


@pytest.fixture(scope="session")
def fifteen(tmp_path_factory):
    """Folder of fifteen tiny networks of random weights, one for each choice of sequences."""
    folder = tmp_path_factory.mktemp("fifteen")
    for number, sequences in enumerate((*limited_subsets(), SEQUENCES)):
        torch.manual_seed(number)
        network = DynUNet(3, len(sequences), 3, [3] * 3, [1, 2, 2], [2, 2], [4, 8, 16], norm_name="INSTANCE")
        name = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
        save_weights(folder / name, network, {"sequences": list(sequences), "filters": [4, 8, 16], "spacing": 4.0})
    return folder
