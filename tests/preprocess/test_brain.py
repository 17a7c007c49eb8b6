# SPDX-License-Identifier: Apache-2.0
"""The brain comes from the user's mask, from stripped scans, or from HD-BET; where it is not clear, it refuses."""

import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import save
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.preprocess.brain import masks_in_scan_grids

from tests.preprocess.head import AFFINE, brain, scan

OTHER = AFFINE.copy()
OTHER[0, 3] += 1


def tensor(volume, affine=AFFINE):
    return MetaTensor(torch.from_numpy(np.asarray(volume, np.float32)), affine=torch.from_numpy(affine))


@pytest.fixture
def heads():
    return {"t1ce": tensor(scan(skull=True)), "flair": tensor(scan(skull=True), OTHER)}


@pytest.mark.parametrize("name, named", [("brain_mask.nii.gz", None), ("brain_mask_flair.nii.gz", "flair")])
def test_a_mask_is_that_of_the_scan_in_whose_grid_it_is(tmp_path, heads, name, named):
    path = save(brain().astype(np.uint8), tmp_path / name, OTHER)
    masks, source = masks_in_scan_grids("P1", heads, [(path, named)], "t1ce")
    assert list(masks) == ["flair"] and np.array_equal(masks["flair"], brain()) and source == str(path)


@pytest.mark.parametrize(
    "affine, named, message",
    [
        (np.eye(4), None, "is in the grid of none of the scans: name it after the scan"),
        (AFFINE, "flair", "has 48 x 56 x 40 voxels and is not in the grid of the flair"),
        (AFFINE, "t2", "not in the grid of the t2, which was not chosen"),
    ],
)
def test_a_mask_that_fits_no_scan_is_refused(tmp_path, heads, affine, named, message):
    path = save(brain().astype(np.uint8), tmp_path / "brain_mask.nii.gz", affine)
    with pytest.raises(ScanError, match=message):
        masks_in_scan_grids("P1", heads, [(path, named)], "t1ce")


def test_a_mask_that_fits_two_scans_two_masks_and_an_empty_one_are_refused(tmp_path, heads):
    path = save(brain().astype(np.uint8), tmp_path / "brain_mask.nii.gz", AFFINE)
    heads["t1"] = heads["t1ce"]
    with pytest.raises(ScanError, match=r"in the grid of 2 scans \(t1ce, t1\): name it after"):
        masks_in_scan_grids("P1", heads, [(path, None)], "t1ce")
    with pytest.raises(ScanError, match="are both masks of the brain: keep one"):
        masks_in_scan_grids("P1", heads, [(path, None), (path, "t1")], "t1ce")
    save(np.zeros(brain().shape, np.uint8), path, AFFINE)
    with pytest.raises(ScanError, match="is empty"):
        masks_in_scan_grids("P1", heads, [(path, "t1")], "t1ce")


def test_stripped_scans_keep_their_own_brain_with_its_holes_filled():
    volume = scan()
    volume[24, 28, 20] = 0
    masks, source = masks_in_scan_grids("P1", {"t1": tensor(volume), "t2": tensor(scan())}, [], "t1")
    assert (
        source == "stripped already" and np.array_equal(masks["t1"], brain()) and np.array_equal(masks["t2"], brain())
    )


def test_stripped_and_other_scans_together_are_refused(heads):
    heads["t2"] = tensor(scan())
    with pytest.raises(ScanError, match="the t2 is skull-stripped and the t1ce is not: .*brain_mask_t1ce.nii.gz"):
        masks_in_scan_grids("P1", heads, [], "t1ce")


def hd_bet(monkeypatch, run):
    module = ModuleType("brainles_hd_bet")
    module.run_hd_bet = run
    monkeypatch.setitem(sys.modules, "brainles_hd_bet", module)


def test_hd_bet_gets_the_reference_and_its_mask_is_taken(monkeypatch, heads):
    def run(source, target, mode, device, do_tta):
        assert (mode, device, do_tta) == ("fast", "cpu", False) and torch.cuda.is_available() is False
        image = nib.load(source)
        assert np.allclose(image.affine, AFFINE)
        nib.save(
            nib.Nifti1Image((image.get_fdata() > 400).astype(np.uint8), image.affine), f"{target[:-7]}_mask.nii.gz"
        )
        print("not to be seen")

    hd_bet(monkeypatch, run)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    masks, source = masks_in_scan_grids("P1", heads, [], "t1ce")
    assert np.array_equal(masks["t1ce"], scan(skull=True) > 400) and source == "HD-BET on the t1ce"


def test_missing_weights_are_told_in_a_sentence_with_the_way_out(monkeypatch, heads, capsys):
    def run(*_, **__):
        raise URLError("no network")

    hd_bet(monkeypatch, run)
    with pytest.raises(ScanError, match="weights of HD-BET cannot be fetched.*brain_mask_t1ce.nii.gz") as error:
        masks_in_scan_grids("P1", heads, [], "t1ce")
    assert "\n" not in str(error.value) and capsys.readouterr().out == ""


def test_a_missing_package_is_told_with_its_command(monkeypatch, heads):
    monkeypatch.setitem(sys.modules, "brainles_hd_bet", None)
    with pytest.raises(UserError, match="brainles-hd-bet is needed to find the brain.*pip install -r"):
        masks_in_scan_grids("P1", heads, [], "t1ce")


def test_the_real_hd_bet_says_the_same_where_its_weights_are_missing(monkeypatch, heads):
    package = pytest.importorskip("brainles_hd_bet", reason="brainles-hd-bet is not installed")
    weights = Path(package.__file__).parent / "model_weights"
    if list(weights.glob("*.model")):
        pytest.skip("the weights of HD-BET are here")

    def refused(url):
        raise URLError("no network")

    monkeypatch.setattr("brainles_hd_bet.utils.urlopen", refused)
    with pytest.raises(ScanError, match="weights of HD-BET cannot be fetched"):
        masks_in_scan_grids("P1", heads, [], "t1ce")
