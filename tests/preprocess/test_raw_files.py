# SPDX-License-Identifier: Apache-2.0
"""Each folder is a subject; its scans, DICOM files and masks are told apart."""

import pytest
from scripts.common.errors import ScanError, UserError
from scripts.preprocess.raw_files import check_name, fingerprints, raw_files, raw_subjects


def tree(root, *names, content=b"x"):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_every_folder_is_a_subject(tmp_path):
    tree(tmp_path, "P1/a.dcm", "P2/b.nii.gz", ".hidden/c.nii", "notes.txt")
    assert raw_subjects(tmp_path) == {"P1": tmp_path / "P1", "P2": tmp_path / "P2"}


def test_scans_beside_the_folders_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        raw_subjects(tmp_path / "none")
    with pytest.raises(UserError, match="has no folder of a subject"):
        raw_subjects(tmp_path)
    tree(tmp_path, "P1/a.dcm", "P2_t1.nii.gz")
    with pytest.raises(UserError, match="P2_t1.nii.gz lies in no subject's folder"):
        raw_subjects(tmp_path)


def test_a_subject_that_is_a_link_to_nowhere_is_refused(tmp_path):
    tree(tmp_path, "P1/a.dcm")
    (tmp_path / "P2").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match="P2 is a link to nowhere: correct it, or take it out"):
        raw_subjects(tmp_path)


def test_files_are_told_apart_at_any_depth(tmp_path):
    tree(tmp_path, "study/t1/IM1.dcm", "t1.nii.gz", "t1.json", "P1_seg.nii.gz", "notes.txt", ".x.nii.gz")
    tree(tmp_path, "study/t2/IM1", content=bytes(128) + b"DICM")
    tree(tmp_path, "brain_mask_t1ce.nii.gz", "P1_brain_mask.nii.gz")
    files = raw_files(tmp_path)
    assert files.scans == (tmp_path / "t1.nii.gz",)
    assert files.dicom == (tmp_path / "study/t1/IM1.dcm", tmp_path / "study/t2/IM1")
    assert set(files.masks) == {
        (tmp_path / "P1_brain_mask.nii.gz", None),
        (tmp_path / "brain_mask_t1ce.nii.gz", "t1ce"),
    }
    assert files.label_maps == (tmp_path / "P1_seg.nii.gz",)


def test_linked_folders_are_searched(tmp_path):
    tree(tmp_path, "archive/series5/IM1.dcm", "archive/nifti/t1.nii.gz", "raw/P1/t2.nii.gz")
    (tmp_path / "raw/P1/a").symlink_to(tmp_path / "archive/series5")
    (tmp_path / "raw/P1/b").symlink_to("../../archive/nifti")
    folder = tmp_path / "raw/P1"
    files = raw_files(folder)
    assert files.dicom == (folder / "a/IM1.dcm",)
    assert files.scans == (folder / "t2.nii.gz", folder / "b/t1.nii.gz")
    fingerprints(folder, files)
    (tmp_path / "raw/P2").symlink_to(tmp_path / "archive/nifti")
    assert raw_files(tmp_path / "raw/P2").scans == (tmp_path / "raw/P2/t1.nii.gz",)


@pytest.mark.parametrize("place, target", [("raw/P1/all", "raw"), ("raw/P1/x/again", "raw/P1"), ("raw/P3", "raw")])
def test_a_link_to_a_folder_that_it_lies_in_is_refused_by_name(tmp_path, place, target):
    tree(tmp_path, "raw/P1/x/t1.nii.gz", "raw/P2/t1.nii.gz")
    (tmp_path / place).symlink_to(tmp_path / target)
    with pytest.raises(ScanError, match=f"{place} is a link to a folder that it lies in, .* remove the link"):
        raw_files(tmp_path / "raw" / place.split("/")[1])


def test_a_link_to_nowhere_is_refused_by_name(tmp_path):
    tree(tmp_path, "P1/t1.nii.gz")
    (tmp_path / "P1/series5").symlink_to(tmp_path / "gone")
    with pytest.raises(ScanError, match="P1/series5 is a link to a file or folder that does not exist: restore that"):
        raw_files(tmp_path / "P1")


def test_the_fingerprint_changes_with_any_scan_mask_or_sidecar_and_not_with_notes(tmp_path):
    tree(tmp_path, "t1.nii.gz", "brain_mask.nii.gz", "IM1.dcm")

    def made_of():
        return fingerprints(tmp_path, raw_files(tmp_path))[0]

    seen = [made_of()]
    for name, content in (("t1.nii.gz", b"y"), ("brain_mask.nii.gz", b"y"), ("t1.json", b"{}"), ("IM1.dcm", b"y")):
        tree(tmp_path, name, content=content)
        seen.append(made_of())
    assert len(set(seen)) == 5
    tree(tmp_path, "notes.txt")
    assert made_of() == seen[-1]


def test_the_fingerprint_of_dicom_changes_with_dicom_alone(tmp_path):
    tree(tmp_path, "t1.nii.gz", "IM1.dcm")
    _, before = fingerprints(tmp_path, raw_files(tmp_path))
    tree(tmp_path, "t1.nii.gz", content=b"y")
    assert fingerprints(tmp_path, raw_files(tmp_path))[1] == before
    tree(tmp_path, "IM1.dcm", content=b"y")
    assert fingerprints(tmp_path, raw_files(tmp_path))[1] != before


def test_a_name_of_which_no_file_can_be_named_is_refused():
    check_name("P1")
    with pytest.raises(ScanError, match="P%0A1: the name of this subject has a line break"):
        check_name("P\n1")
