# SPDX-License-Identifier: Apache-2.0
"""A subject of raw scans becomes what inference takes; on any error nothing is written."""

import json

import nibabel as nib
import numpy as np
import pytest
from conftest import save
from scripts.common.errors import ScanError
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.data.load_scan import LoadSequencesd
from scripts.preprocess.subject import make_ready

from tests.preprocess.dicom import write_series
from tests.preprocess.head import AFFINE, SHAPE, brain, moved, movement, scan

# Thick slices over the same field.
THICK = AFFINE @ np.diag([1.0, 1, 2, 1])
THICK_SHAPE = (*SHAPE[:2], SHAPE[2] // 2)


def raw(folder, mask=True, skull=True):
    """A T1ce, and a FLAIR of thick slices."""
    save(scan(skull=skull), folder / "P1_t1ce.nii.gz", AFFINE)
    save(scan(bright=100, shape=THICK_SHAPE, affine=THICK, skull=skull), folder / "P1_flair.nii.gz", THICK)
    if mask:
        save(brain().astype(np.uint8), folder / "brain_mask_t1ce.nii.gz", AFFINE)
    return folder


def loaded(ready):
    (item,) = subjects_in(ready, SEQUENCES, labelled=False)
    names = [name for name in SEQUENCES if name in item]
    return names, LoadSequencesd(names)(item)["image"]


def test_scans_are_stripped_and_on_one_grid_so_that_inference_takes_them(tmp_path):
    record = make_ready("P1", raw(tmp_path / "raw"), tmp_path / "ready", registered=True)
    names, image = loaded(tmp_path / "ready")
    assert names == ["t1ce", "flair"] and image.shape == (2, *SHAPE) and np.allclose(image.affine, AFFINE)
    t1ce, flair = np.asarray(image)
    assert np.array_equal(t1ce, np.where(brain(), scan(skull=True), 0))  # the reference is not interpolated
    assert not flair[~brain()].any()
    inside = np.asarray(nib.load(tmp_path / "raw/P1_flair.nii.gz").dataobj)
    assert np.array_equal(flair[..., ::2][brain()[..., ::2]], inside[brain()[..., ::2]])  # slices at the same place
    assert record["reference"] == "t1ce" and record["brain"]["from"].endswith("brain_mask_t1ce.nii.gz")
    assert record["brain"]["ml"] == pytest.approx(brain().sum() * 0.064, abs=0.1)
    assert json.loads((tmp_path / "ready/P1/P1_preprocess.json").read_text()) == record


def test_a_second_run_leaves_it_as_it_is_and_other_choices_are_refused(tmp_path):
    make_ready("P1", raw(tmp_path / "raw"), tmp_path / "ready", registered=True)
    assert make_ready("P1", tmp_path / "raw", tmp_path / "ready", registered=True) is None
    with pytest.raises(ScanError, match="other raw files, choices or settings"):
        make_ready("P1", tmp_path / "raw", tmp_path / "ready", {"flair": None}, registered=True)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda folder: save(np.full(SHAPE, np.nan), folder / "P1_t1ce.nii.gz", AFFINE),
            "holds NaN or infinite voxels",
        ),
        (
            lambda folder: save(np.zeros(SHAPE), folder / "P1_t1ce.nii.gz", AFFINE),
            "is empty, every voxel of the t1ce is 0",
        ),
        (
            lambda folder: save(np.ones(SHAPE, np.uint8), folder / "brain_mask_t1ce.nii.gz", AFFINE),
            "the masked t1ce seems not",
        ),
    ],
)
def test_a_spoilt_scan_or_mask_is_refused_and_nothing_is_written(tmp_path, spoil, message):
    spoil(raw(tmp_path / "raw"))
    with pytest.raises(ScanError, match=message):
        make_ready("P1", tmp_path / "raw", tmp_path / "ready", registered=True)
    assert not list((tmp_path / "ready").glob("*"))


def test_a_folder_without_scans_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(ScanError, match="has no DICOM and no NIfTI file"):
        make_ready("P1", tmp_path / "raw", tmp_path / "ready")


def test_stripped_dicom_series_become_a_ready_subject(tmp_path):
    pytest.importorskip("dcm2niix", reason="dcm2niix is not installed (requirements-preprocess.txt)")
    write_series(tmp_path / "raw/a", scan(), AFFINE, 5, "AX T1", times=(12, 550), agent="Gadovist")
    write_series(tmp_path / "raw/b", scan(bright=100), AFFINE, 6, "AX FLAIR", times=(120, 9000, 2500))
    write_series(tmp_path / "raw/c", scan()[:, :, :6], AFFINE, 1, "localizer")
    record = make_ready("P1", tmp_path / "raw", tmp_path / "ready", registered=True)
    names, image = loaded(tmp_path / "ready")
    assert names == ["t1ce", "flair"] and record["brain"]["from"] == "stripped already"
    assert np.count_nonzero(np.asarray(image)[0]) == brain().sum()
    assert [entry["scan"] for entry in record["not_used"]] == ["series 1 (localizer)"]
    assert record["sequences"]["t1ce"]["scan"] == "series 5 (AX T1)"


def test_a_moved_scan_is_registered(tmp_path):
    pytest.importorskip("ants", reason="antspyx is not installed (requirements-preprocess.txt)")
    save(scan(), tmp_path / "raw/t1ce.nii.gz", AFFINE)
    save(moved(scan(bright=100), movement(10, 12)), tmp_path / "raw/flair.nii.gz", AFFINE)
    record = make_ready("P1", tmp_path / "raw", tmp_path / "ready")
    entry = record["sequences"]["flair"]
    assert entry["turned_degrees"] == pytest.approx(10, abs=1) and record["sequences"]["t1ce"]["moved_mm"] == 0
    both = np.asarray(loaded(tmp_path / "ready")[1])
    assert ((both[0] != 0) == (both[1] != 0)).mean() > 0.98
