# SPDX-License-Identifier: Apache-2.0
"""The record of a subject that was made ready: ``<ready>/<subject>/<subject>_preprocess.json``."""

from pathlib import Path

from scripts.common.errors import ScanError
from scripts.common.json_files import read_json

ENDING = "_preprocess.json"
# What `scripts.preprocess.back` needs.
NEEDED = {"subject", "reference", "grid", "sequences"}


def preprocess_record_path(ready: Path, subject: str) -> Path:
    """Path of a subject's record."""
    return ready / subject / f"{subject}{ENDING}"


def read_preprocess_record(ready: Path, subject: str) -> dict:
    """The record of a subject.

    Raises:
        ScanError: there is none, or it is none of ours.
    """
    path = preprocess_record_path(ready, subject)
    try:
        record = read_json(path)
    except (OSError, ValueError) as error:
        raise ScanError(
            f"{subject}: {path} cannot be read ({error}): make the subject ready with python -m scripts.preprocess."
        ) from error
    if not isinstance(record, dict) or not record.keys() >= NEEDED:
        raise ScanError(f"{subject}: {path} is no record of python -m scripts.preprocess: put the right one back.")
    return record


def is_ready(ready: Path, subject: str, made_of: str) -> bool:
    """Whether the subject has been made ready from just these files and choices; a folder appears only when complete.

    Raises:
        ScanError: its folder holds something else, which is not overwritten.
    """
    folder = ready / subject
    if not folder.exists():
        return False
    if not preprocess_record_path(ready, subject).is_file():
        raise ScanError(f"{subject}: {folder} was not made by this command and is not overwritten: move it elsewhere.")
    if read_preprocess_record(ready, subject).get("made_of") != made_of:
        raise ScanError(
            f"{subject}: {folder} was made of other raw files, choices or settings and is not overwritten: move it "
            "elsewhere to make the subject anew."
        )
    return True
