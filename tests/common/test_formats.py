# SPDX-License-Identifier: Apache-2.0
import pytest
from scripts.common.formats import ARCHIVE, DICOM, IMAGE, UNFINISHED, other_format, without_other_ending


@pytest.mark.parametrize(
    "name, kind, stem",
    [
        ("IM0001.dcm", DICOM, "IM0001"),
        ("IM0001.IMA", DICOM, "IM0001"),
        ("S1_t1ce.mha", IMAGE, "S1_t1ce"),
        ("S1_t1ce.nrrd", IMAGE, "S1_t1ce"),
        ("S1_t1ce.hdr", IMAGE, "S1_t1ce"),
        ("S1.zip", ARCHIVE, "S1"),
        ("S1.tar.gz", ARCHIVE, "S1"),
        ("S1_t1ce.nii.zip", ARCHIVE, "S1_t1ce"),
        ("S1_t1ce.nii.gz.part", UNFINISHED, "S1_t1ce"),
        ("S1.html.part", None, None),  # of a report that lies in the folder of the scans
        ("S1_t1ce.nii.gz", None, None),
        ("S1_t1ce.NII", None, None),
        ("notes.txt", None, None),
        ("IM0001", None, None),
    ],
)
def test_the_ending_tells_the_format(name, kind, stem):
    assert other_format(name) == kind and without_other_ending(name) == stem
