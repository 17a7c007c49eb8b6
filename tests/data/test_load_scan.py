# SPDX-License-Identifier: Apache-2.0
"""Scans load in the order of the teacher's input, and a bad file is refused in one sentence."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from conftest import AFFINE, SHAPE, VALUES, label_array, save, scan_array, write_msd, write_subject
from monai.data import MetaTensor, list_data_collate
from scripts.common.errors import ScanError
from scripts.common.namings import naming_of_4d_files
from scripts.common.sequences import SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.data.load_scan import LoadSequencesd


def peaks(image):
    """The brightest voxel of each channel, which tells the sequences apart."""
    return image.as_tensor()[:, 2, 2, 2].tolist()


def test_sequences_come_in_the_teachers_order_with_label_and_geometry(subject):
    out = LoadSequencesd(["flair", "t1ce"], label=True)(subject)
    assert out.keys() == {"subject", "convention", "sequences", "image", "label"}
    assert out["sequences"] == "t1ce+flair"
    image, label = out["image"], out["label"]
    assert isinstance(image, MetaTensor) and image.dtype == torch.float32 and image.shape == (2, *SHAPE)
    assert peaks(image) == [VALUES["t1ce"], VALUES["flair"]]
    assert np.array_equal(image.affine, AFFINE)
    assert image.meta["filename_or_obj"] == subject["t1ce"]
    assert label.shape == (1, *SHAPE) and not label.is_floating_point()
    assert label[0, :, 0, 0].tolist() == [0, 1, 2, 4, 0, 0]
    assert label.meta["filename_or_obj"] == subject["label"]
    assert np.array_equal(label.affine, AFFINE)


def test_an_item_may_name_its_own_sequences_and_keeps_its_network(subject):
    out = LoadSequencesd(SEQUENCES)(subject | {"sequences": "flair+t1", "network": "model_t1_flair.pt"})
    assert peaks(out["image"]) == [10, 40] and out["sequences"] == "t1+flair" and out["network"] == "model_t1_flair.pt"


def test_an_array_with_its_affine_stands_for_a_file(subject):
    array = MetaTensor(scan_array(40), affine=AFFINE)
    from_array = LoadSequencesd(["t1", "flair"])(subject | {"flair": array})["image"]
    assert torch.equal(from_array.as_tensor(), LoadSequencesd(["t1", "flair"])(subject)["image"].as_tensor())
    with pytest.raises(ScanError, match="_t1.nii.gz and the flair array lie on different grids"):
        LoadSequencesd(["t1", "flair"])(subject | {"flair": MetaTensor(scan_array(40), affine=shifted(1))})


def test_files_of_other_sequences_are_never_opened(subject):
    before = LoadSequencesd(["t2", "flair"])(subject)["image"]
    for name in ("t1", "t1ce", "label"):
        Path(subject[name]).unlink()
    after = LoadSequencesd(["t2", "flair"])(subject)["image"]
    assert torch.equal(before.as_tensor(), after.as_tensor())


def test_channels_of_sequences_that_are_not_needed_stay_empty_in_their_places(subject):
    for name in ("t1", "t2"):
        Path(subject.pop(name)).unlink()
    out = LoadSequencesd(SEQUENCES, needed=["flair", "t1ce"])(subject)
    assert peaks(out["image"]) == [0, 20, 0, 40] and out["sequences"] == "t1ce+flair"
    assert out["image"][[0, 2]].abs().max() == 0
    with pytest.raises(ScanError, match="no t1 file was found, only t1ce, flair: .*configs/batch_inference.json"):
        LoadSequencesd(SEQUENCES, needed=["t1", "flair"])(subject)


@pytest.mark.parametrize("naming, name", [("brats", "BraTS2021_00001"), ("brats2023", "BraTS-GLI-00005-000")])
def test_both_brats_namings_load_all_four(tmp_path, naming, name):
    write_subject(tmp_path, name, naming)
    (item,) = subjects_in(tmp_path, SEQUENCES)
    assert peaks(LoadSequencesd(SEQUENCES, label=True)(item)["image"]) == [10, 20, 30, 40]


def test_msd_volumes_go_to_the_right_channels(tmp_path):
    # by hand: volume 0 of the file peaks at 100, 1 at 101, ...; the file holds FLAIR, T1w, t1gd, T2w
    write_msd(tmp_path, ["BRATS_001"])
    volumes = np.stack([scan_array(100 + volume) for volume in range(4)], axis=-1)
    save(volumes, tmp_path / "imagesTr" / "BRATS_001.nii.gz")
    (item,) = subjects_in(tmp_path, SEQUENCES)
    out = LoadSequencesd(SEQUENCES, label=True)(item)
    assert naming_of_4d_files().volumes == ("flair", "t1", "t1ce", "t2")
    assert peaks(out["image"]) == [101, 102, 103, 100]  # t1, t1ce, t2, flair
    assert out["image"].affine.shape == (4, 4) and out["convention"] == "msd"


def test_a_4d_file_is_read_once(tmp_path, monkeypatch):
    (item,) = subjects_in(write_msd(tmp_path, ["BRATS_001"]), SEQUENCES)
    opened, load = [], nib.load
    monkeypatch.setattr(nib, "load", lambda path, **kwargs: opened.append(path) or load(path, **kwargs))
    LoadSequencesd(SEQUENCES)(item)
    assert len(opened) == 1


def test_the_whole_range_and_the_slope_of_int16_survive(subject):
    save(scan_array(32767), subject["flair"])
    assert LoadSequencesd("flair")(subject)["image"].max() == 32767
    scaled = nib.Nifti1Image(scan_array(100), AFFINE)
    scaled.header.set_slope_inter(0.5, 0)
    scaled.header.set_data_dtype(np.int16)
    nib.save(scaled, subject["flair"])
    assert nib.load(subject["flair"]).dataobj.get_unscaled().max() == 100
    assert LoadSequencesd("flair")(subject)["image"].max() == 50  # stored as 100 with slope 0.5


def test_a_trailing_fourth_axis_of_one_is_accepted(subject):
    save(scan_array(40)[..., None], subject["flair"])
    assert LoadSequencesd(["t1", "flair"])(subject)["image"].shape == (2, *SHAPE)


def test_affines_may_differ_by_rounding(subject):
    save(scan_array(40), subject["flair"], AFFINE + 5e-4 * np.eye(4)[:, [3]] * np.eye(4)[3])
    LoadSequencesd(["t1", "flair"])(subject)


def test_loaded_subjects_can_be_batched(subject):
    out = LoadSequencesd(["t1", "flair"], label=True)(subject)
    assert list_data_collate([out, out])["image"].shape == (2, 2, *SHAPE)


def cut(path):
    Path(path).write_bytes(Path(path).read_bytes()[:-40])


def rot(path):
    Path(path).write_bytes(gzip.compress(b"this was never a scan"))


def with_voxel(value):
    array = scan_array(40).astype(np.float32)
    array[3, 3, 2] = value
    return array


def shifted(mm):
    affine = AFFINE.copy()
    affine[0, 3] += mm
    return affine


def flat_affine():
    affine = AFFINE.copy()
    affine[:3, 2] = affine[:3, 1]
    return affine


BAD_FLAIR = {
    "removed": (lambda p: Path(p).unlink(), r"the flair file .*_flair.nii.gz does not exist: restore it"),
    "truncated": (cut, r"_flair.nii.gz cannot be read as NIfTI.*damaged or incomplete: copy or download it again"),
    "not NIfTI": (rot, r"_flair.nii.gz cannot be read as NIfTI"),
    "not gzip": (lambda p: Path(p).write_bytes(b"<html>"), r"_flair.nii.gz cannot be read as NIfTI"),
    "empty file": (lambda p: Path(p).write_bytes(b""), r"_flair.nii.gz cannot be read as NIfTI"),
    "4D": (
        lambda p: save(np.stack([scan_array(40)] * 2, -1), p),
        r"_flair.nii.gz has shape 6 x 5 x 4 x 2 instead of three axes: save the volume",
    ),
    "2D": (lambda p: save(scan_array(40)[..., 0], p), r"has shape 6 x 5 instead of three axes"),
    "NaN": (lambda p: save(with_voxel(np.nan), p), r"_flair.nii.gz holds NaN or infinite voxels: set them to 0"),
    "infinite": (lambda p: save(with_voxel(-np.inf), p), r"_flair.nii.gz holds NaN or infinite voxels"),
    "all zero": (lambda p: save(scan_array(0), p), r"_flair.nii.gz is empty, every voxel of the flair is 0"),
    "constant": (lambda p: save(scan_array(0) + 7, p), r"_flair.nii.gz is empty, every voxel of the flair is 7"),
    "other shape": (
        lambda p: save(scan_array(40, (6, 5, 5)), p),
        r"_t1.nii.gz and .*_flair.nii.gz lie on different grids \(shapes 6 x 5 x 4 and 6 x 5 x 5\): co-register and",
    ),
    "other place": (
        lambda p: save(scan_array(40), p, shifted(2.5)),
        r"_t1.nii.gz and .*_flair.nii.gz lie on different grids \(affines that differ by up to 2.5 mm\)",
    ),
    "not stripped": (
        lambda p: save(scan_array(40) + np.arange(120).reshape(SHAPE).astype(np.int16) + 1, p),
        r"_flair.nii.gz seems not to be skull-stripped: 0.0% of the flair's voxels .*mri_synthstrip",
    ),
    "a place far away": (
        lambda p: save(scan_array(40), p, np.array([[2.0, 0, 0, 1e30], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])),
        r"_flair.nii.gz lies 1e\+30 mm from the origin",
    ),
    "too wide": (lambda p: save(scan_array(40), p, np.diag([0.1, 0.1, 300, 1])), r"_flair.nii.gz extends 1200 mm"),
    "a label map": (lambda p: save(label_array(), p), r"_flair.nii.gz has only the whole numbers 0 to 4"),
    "the t1 again": (lambda p: save(scan_array(VALUES["t1"]), p), r"given as t1 and flair, have the same voxels"),
    "axes in one plane": (lambda p: save(scan_array(40), p, flat_affine()), r"_flair.nii.gz has a degenerate affine"),
}


@pytest.mark.parametrize("damage, message", BAD_FLAIR.values(), ids=BAD_FLAIR)
def test_a_bad_scan_is_refused_naming_subject_and_file(subject, damage, message):
    damage(subject["flair"])
    with pytest.raises(ScanError, match=r"^BraTS2021_00001: .*" + message) as caught:
        LoadSequencesd(["t1", "flair"])(subject)
    assert "\n" not in str(caught.value)


def test_a_missing_sequence_or_label_is_refused_before_any_file_is_read(subject):
    cut(subject["t1"])
    del subject["flair"]
    with pytest.raises(ScanError, match=r"^BraTS2021_00001: no flair file was found, only t1: add the file"):
        LoadSequencesd(["t1", "flair"])(subject)
    del subject["label"]
    with pytest.raises(ScanError, match="no label map was found"):
        LoadSequencesd(["t1"], label=True)(subject)


def test_a_volume_that_the_4d_file_does_not_have_is_refused(tmp_path):
    (item,) = subjects_in(write_msd(tmp_path, ["BRATS_001"]), SEQUENCES)
    save(scan_array(40), item["t2"]["file"])
    with pytest.raises(ScanError, match="BRATS_001.nii.gz has shape 6 x 5 x 4, so there is no volume 3 .* for t2"):
        LoadSequencesd("t2")(item)


@pytest.mark.parametrize(
    "array, affine, message",
    [
        (
            label_array(shape=(6, 5, 3)),
            AFFINE,
            r"label map .*_seg.nii.gz lies on another grid than .*_t1.nii.gz \(shapes",
        ),
        (
            label_array(),
            shifted(1),
            r"_seg.nii.gz lies on another grid .*: resample it to that grid by nearest neighbours",
        ),
        (label_array() * np.float32(0.5), AFFINE, r"_seg.nii.gz holds 0.5, which is no label"),
    ],
)
def test_a_bad_label_map_is_refused(subject, array, affine, message):
    save(array, subject["label"], affine)
    with pytest.raises(ScanError, match=r"^BraTS2021_00001: .*" + message):
        LoadSequencesd(["t1"], label=True)(subject)


def test_label_values_may_be_off_by_the_rounding_of_a_slope(subject):
    save(label_array() * np.float32(0.99999), subject["label"])
    assert LoadSequencesd(["t1"], label=True)(subject)["label"][0, :4, 0, 0].tolist() == [0, 1, 2, 4]


def test_an_empty_label_map_is_a_subject_without_tumour(subject):
    save(label_array((0,)), subject["label"])
    assert LoadSequencesd(["t1"], label=True)(subject)["label"].sum() == 0


def test_the_affine_is_the_sform_where_the_qform_has_no_code(subject):
    # the qform has another place and orientation
    affine = np.array([[-1.0, 0, 0, 30], [0, -1.0, 0, 20], [0, 0, 3.0, -7], [0, 0, 0, 1]])
    image = nib.Nifti1Image(scan_array(40), affine)
    image.set_qform(np.diag([1.0, 1, 3, 1]), 0)
    image.set_sform(affine, 1)
    nib.save(image, subject["flair"])
    assert np.array_equal(LoadSequencesd(["flair"])(subject)["image"].affine, affine)


def test_a_scan_thinner_than_a_voxel_of_the_network_is_refused(subject):
    assert LoadSequencesd(["flair"], thinnest=4.0)(subject)["image"].shape == (1, *SHAPE)
    with pytest.raises(ScanError, match="_flair.nii.gz has 6 x 5 x 4 voxels and extends only 4 mm along one axis"):
        LoadSequencesd(["flair"], thinnest=4.5)(subject)


def test_a_file_that_may_not_be_read_is_not_called_damaged(subject, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("scripts.data.read_nifti.nib.load", refuse)
    with pytest.raises(ScanError, match="_flair.nii.gz may not be read: correct its permissions"):
        LoadSequencesd(["flair"])(subject)


def test_a_missing_sequence_is_named_with_the_files_that_were_ignored(subject):
    del subject["flair"]
    with pytest.raises(ScanError, match=r"no flair file was found, only t1, t1ce \(S1_flair_brain.nii.gz was ignored"):
        LoadSequencesd(["t1", "t1ce", "flair"])(subject | {"ignored": "S1_flair_brain.nii.gz"})


def test_a_label_map_that_inference_made_is_refused_only_where_it_is_wanted(subject):
    item = {key: value for key, value in subject.items() if key != "label"} | {"not_expert": "it was made by inference"}
    assert "label" not in LoadSequencesd(["flair"])(item)
    with pytest.raises(ScanError, match="it was made by inference"):
        LoadSequencesd(["flair"], label=True)(item)


def test_the_pair_of_brains_that_overlaps_least_is_handed_on(subject):
    assert "apart" not in LoadSequencesd(["t1", "t2", "flair"])(subject)
    brain = scan_array(40)
    brain[3, 1:3, 1] = 0  # of its 18 voxels
    save(brain, subject["flair"])
    loaded = LoadSequencesd(["t1", "t2", "flair"])(subject)
    assert loaded["apart"] == "only 89% of the brains of t1 and flair overlap"


def test_a_brain_that_resampling_smears_is_not_said_to_overlap_too_little(subject):
    brain = np.zeros((20, 20, 20), np.int16)
    brain[2:18, 2:18, 2:18] = np.random.default_rng(0).integers(1, 99, (16, 16, 16))
    save(brain, subject["t1"])
    coarse = AFFINE @ np.diag([1, 1, 2, 1])
    coarse[2, 3] += 0.5
    save(brain[::-1, :, ::2], subject["flair"], coarse)
    loaded = LoadSequencesd(["t1", "flair"], resample=True)(subject)
    brains = loaded["image"].as_tensor() != 0
    assert (brains[0] & brains[1]).sum() < 0.95 * (brains[0] | brains[1]).sum()
    assert "apart" not in loaded
