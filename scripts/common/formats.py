# SPDX-License-Identifier: Apache-2.0
"""Formats of scans other than NIfTI, which are not read: recognised by the ending, with what the user can do."""

import re

DICOM = "DICOM", "make it ready with python -m scripts.preprocess, or convert it to NIfTI with dcm2niix"
IMAGE = "an image in another format", "convert it to NIfTI, such as with SimpleITK or mri_convert"
ARCHIVE = "an archive", "unpack it"
UNFINISHED = "an unfinished download", "download it again"
ENDINGS = {
    DICOM: "dcm dicom ima",
    IMAGE: "mha mhd nrrd nhdr img hdr mgh mgz mnc par rec",
    ARCHIVE: "zip tar tgz tar.gz tar.bz2 tar.xz 7z rar nii.bz2 nii.xz nii.zst",
    UNFINISHED: "part crdownload partial aria2",
}


def other_format(filename: str) -> tuple[str, str] | None:
    """What a file is by its ending and what to do with it, such as `DICOM`; None for NIfTI and for any other file."""
    if re.search(r"\.(nii(\.gz)?|html\.part)$", filename, re.IGNORECASE):  # the latter are parts of our reports
        return None
    for kind, endings in ENDINGS.items():
        if any(filename.lower().endswith(f".{ending}") for ending in endings.split()):
            return kind
    return None


def without_other_ending(filename: str) -> str | None:
    """`S1_t1ce` for `S1_t1ce.mha` or `S1_t1ce.nii.zip`; None for a file that `other_format` does not know."""
    if other_format(filename) is None:
        return None
    return re.sub(r"(\.(nii(\.gz)?|tar))?\.[^.]+$", "", filename, flags=re.IGNORECASE)
