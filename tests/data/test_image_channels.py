# SPDX-License-Identifier: Apache-2.0
"""Which channel of one image is which sequence, by what is stated, by names and by their number."""

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import AFFINE, SHAPE, VALUES, save, scan_array
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.sequences import SEQUENCES
from scripts.data.image_channels import image_item, stated_sequences
from scripts.data.load_scan import LoadSequencesd


def _peaks(item) -> dict:
    """The brightest voxel of each sequence that an item names, as it is loaded."""
    names = [name for name in SEQUENCES if name in item]
    image = LoadSequencesd(names)(item)["image"]
    np.testing.assert_allclose(image.affine, AFFINE)
    return {name: int(channel.max()) for name, channel in zip(names, image)}


def _stack(names) -> np.ndarray:
    return np.stack([scan_array(VALUES[name]) for name in names], axis=-1)


def test_four_channels_are_in_the_teachers_order(tmp_path):
    item = image_item(save(_stack(SEQUENCES), tmp_path / "P1.nii.gz"))
    assert item["subject"] == "P1" and item["t2"] == {"file": str(tmp_path / "P1.nii.gz"), "volume": 2}
    assert _peaks(item) == VALUES


def test_two_channels_are_the_sequences_that_the_run_expects(tmp_path):
    path = save(_stack(["t1ce", "flair"]), tmp_path / "P1.nii")
    assert _peaks(image_item(path, usual=("t1ce", "flair"))) == {"t1ce": 20, "flair": 40}


@pytest.mark.parametrize("stated", ["flair,t1,t1ce,t2", "['flair', 't1', 't1ce', 't2']", ["FLAIR", "t1", "t1ce", "t2"]])
def test_a_stated_order_comes_first(tmp_path, stated):
    path = save(_stack(["flair", "t1", "t1ce", "t2"]), tmp_path / "P1.nii.gz")
    assert _peaks(image_item(str(path), stated)) == VALUES


def test_the_name_of_a_file_with_one_channel_tells_its_sequence(tmp_path):
    path = save(scan_array(30), tmp_path / "P1_T2w.nii.gz")
    item = image_item(path, usual=("flair",))
    assert item["subject"] == "P1" and _peaks(item) == {"t2": 30}
    assert _peaks(image_item(save(scan_array(30), tmp_path / "x.nii.gz"), usual=("flair",))) == {"flair": 30}


def test_files_of_a_list_are_told_apart_by_their_names_or_by_the_order(tmp_path):
    files = [save(scan_array(VALUES[name]), tmp_path / f"P1_{name}.nii.gz") for name in ("flair", "t1")]
    assert _peaks(image_item(files)) == {"t1": 10, "flair": 40}
    files = [save(scan_array(VALUES[name]), tmp_path / f"{name[::-1]}.nii.gz") for name in ("flair", "t1")]
    assert _peaks(image_item(files, "flair+t1")) == {"t1": 10, "flair": 40}


@pytest.mark.parametrize(
    "names, shown",
    [
        (["P1_flair", "P1_t1ce_brain"], r"P1_flair.nii.gz \(flair\), P1_t1ce_brain.nii.gz \(unknown\)"),
        (["flair", "t1", "t1ce", "t2_tse"], r"t2_tse.nii.gz \(unknown\)"),
        (["a_t1", "b_t1"], r"a_t1.nii.gz \(t1\), b_t1.nii.gz \(t1\)"),
        (["P1_t1ce", "P1_seg"], r"P1_seg.nii.gz \(label\)"),
        (["P1_flair_brain", "P1_t1ce_brain"], r"P1_flair_brain.nii.gz \(flair\), P1_t1ce_brain.nii.gz \(t1ce\)"),
        (["T1CE/a", "T1CE/b"], r"a.nii.gz \(t1ce\), b.nii.gz \(t1ce\)"),
    ],
)
def test_files_are_not_read_by_their_order_against_their_names(tmp_path, names, shown):
    files = [save(scan_array(10), tmp_path / f"{name}.nii.gz") for name in names]
    with pytest.raises(UserError, match=rf"do not tell one sequence for each of them: .*{shown}: name the sequences"):
        image_item(files, usual=("t1ce", "flair"))
    stated = SEQUENCES[: len(files)]
    assert [str(item) for item in files] == [image_item(files, stated)[name] for name in stated]


def test_a_file_is_not_another_sequence_than_its_name_may_mean(tmp_path):
    file = save(scan_array(10), tmp_path / "P1_t1ce_brain.nii.gz")
    with pytest.raises(UserError, match=r"P1_t1ce_brain.nii.gz \(t1ce\): name the sequences.* in image_sequences"):
        image_item(file, usual=("flair",))
    assert image_item(file, usual=("t1ce",))["t1ce"] == str(file)


@pytest.mark.parametrize("file", ["FLAIR.nii.gz", "FLAIR/flair.nii.gz", "2_FLAIR/NIFTI/FLAIR.nii"])
def test_a_file_called_as_its_sequence_is_of_the_subject_of_its_folder(tmp_path, file):
    for subject in ("P1", "P2"):
        assert image_item(save(scan_array(40), tmp_path / subject / file))["subject"] == subject
    files = [tmp_path / "P2" / file, save(scan_array(10), tmp_path / "P2" / "t1.nii")]
    assert image_item(files)["subject"] == "P2"


def test_a_relative_file_called_as_its_sequence_is_of_the_current_folder(tmp_path, monkeypatch):
    save(scan_array(40), tmp_path / "P3" / "flair.nii")
    monkeypatch.chdir(tmp_path / "P3")
    assert image_item("flair.nii") == {
        "subject": "P3",
        "label_convention": "brats",
        "flair": str(tmp_path / "P3" / "flair.nii"),  # a report may be drawn again from another folder
    }


@pytest.mark.parametrize("told", [None, 0, -1, "no_channel", float("nan")])
def test_arrays_in_memory_have_their_channels_first_or_last(told):
    meta = {} if told is None else {"original_channel_dim": told}
    names = ["t1ce", "flair"] if told in (None, 0, -1) else ["flair"]
    array = torch.from_numpy(_stack(names).astype(np.float32))
    array = array.movedim(-1, 0) if told == 0 else array if told in (None, -1) else array[..., 0]
    image = MetaTensor(array, affine=torch.from_numpy(AFFINE), meta=meta)
    assert _peaks(image_item(image, usual=tuple(names))) == {name: VALUES[name] for name in names}
    assert image_item(image, usual=tuple(names))["subject"] == "image"


@pytest.mark.parametrize(
    "shape, stated, usual, sentence",
    [
        ((2,), "t1", (), "P1 has 2 channels, but image_sequences names 1 \\(t1\\): name one sequence for each"),
        ((3,), "", ("t1ce", "flair"), "P1 has 3 channels, and nothing says which sequences these are: name them"),
        ((), "", ("t1ce", "flair"), "P1 has 1 channel, and nothing says"),
        ((2,), "t1,t1c", (), "'t1c' is not a sequence: did you mean 't1ce'"),
        ((2,), "t1,t1", (), "The sequence 't1' is named twice"),
    ],
)
def test_sequences_that_cannot_be_told_are_refused(tmp_path, shape, stated, usual, sentence):
    with pytest.raises(UserError, match=sentence):
        image_item(save(np.zeros((*SHAPE, *shape), np.int16), tmp_path / "P1.nii.gz"), stated, usual)


def test_images_that_are_none_are_refused(tmp_path):
    (tmp_path / "P1.nii.gz").write_text("no NIfTI")
    with pytest.raises(ScanError, match="P1.nii.gz cannot be read as NIfTI"):
        image_item(tmp_path / "P1.nii.gz")
    with pytest.raises(ScanError, match="P2.nii.gz does not exist"):
        image_item(tmp_path / "P2.nii.gz")
    with pytest.raises(ScanError, match="no axis is one of at most four sequences"):
        image_item(np.zeros((9, 8, 7, 6)))
    with pytest.raises(ScanError, match="image has 2 axes"):
        image_item(np.zeros((9, 8)))
    for image in (5, [], [1, 2], None):
        with pytest.raises(UserError, match="must be the path of a NIfTI file or a list of paths"):
            image_item(image)


def test_stated_sequences_keep_their_order():
    assert stated_sequences("flair, t1") == ("flair", "t1") and stated_sequences(("t2",)) == ("t2",)
    assert stated_sequences("") == stated_sequences(None) == stated_sequences([]) == ()


def test_empty_names_of_stated_sequences_do_not_count():
    assert stated_sequences(["flair", ""]) == ("flair",) and stated_sequences("['flair', 't1',]") == ("flair", "t1")
    assert stated_sequences(None) == stated_sequences("") == ()


def test_a_file_with_one_volume_along_a_fourth_axis_is_one_channel(tmp_path):
    path = save(scan_array(40)[..., None], tmp_path / "P1_flair.nii.gz")
    assert nib.load(path).ndim == 4 and _peaks(image_item(path)) == {"flair": 40}
