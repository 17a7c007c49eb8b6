# SPDX-License-Identifier: Apache-2.0
"""Convert a subject's DICOM series to NIfTI with dcm2niix, and keep what their headers say of the sequence."""

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from scripts.common.errors import ScanError
from scripts.common.json_files import read_json, save_json
from scripts.common.whole_folder import whole_folder
from scripts.preprocess.packages import optional
from scripts.preprocess.raw_files import sidecar_of

# What is kept of dcm2niix's JSON files: nothing that names a person. Times are in seconds.
KEPT = (
    *("Modality", "SeriesNumber", "SeriesDescription", "ProtocolName", "ImageType", "AcquisitionTime"),
    *("MRAcquisitionType", "ScanningSequence", "EchoTime", "RepetitionTime", "InversionTime", "FlipAngle"),
    *("SliceThickness", "MagneticFieldStrength", "Manufacturer", "ConversionSoftwareVersion"),
)
DONE = "made_of.json"


def convert(subject: str, folder: Path, dicom: Iterable[Path], target: Path, made_of: str) -> list[Path]:
    """Convert all series of a folder into `target`, or take what an earlier run has converted from the same files.

    The JSON file beside each scan holds the entries of `KEPT`, and from the DICOM headers `ContrastBolusAgent`
    (dcm2niix does not tell it) and `study`, a hash that tells studies apart.

    Args:
        subject: for messages.
        folder: of the subject, searched with all folders in it.
        dicom: its DICOM files.
        target: where the NIfTI files go; replaced if it was made of other files.
        made_of: the hash of the subject's files (`scripts.preprocess.raw_files.fingerprint`).

    Returns:
        The NIfTI files.

    Raises:
        ScanError: dcm2niix converts nothing.
        UserError: dcm2niix or pydicom is not installed.
    """
    if _made_of(target) != made_of:
        with whole_folder(target) as temporary:
            _convert(subject, folder, dicom, temporary)
            save_json(temporary / DONE, {"made_of": made_of})
    return sorted(target.glob("*.nii.gz"))


def _convert(subject: str, folder: Path, dicom: Iterable[Path], target: Path) -> None:
    headers = _headers(dicom)
    command = [str(optional("dcm2niix").bin), "-b", "y", "-ba", "n", "-z", "i", "-d", "9", "-f", "%s_%d"]
    # the names of the persons are in its JSON files only until they are written anew below
    ran = subprocess.run([*command, "-o", str(target), str(folder)], capture_output=True, text=True, errors="replace")
    converted = sorted(target.glob("*.nii.gz"))
    if not converted:
        said = next((line for line in reversed(ran.stdout.splitlines() + ran.stderr.splitlines()) if line.strip()), "")
        raise ScanError(
            f"{subject}: dcm2niix converts nothing in {folder} ('{said.strip()}'): export the series again, or convert "
            "them to NIfTI with another program."
        )
    for scan in converted:
        sidecar = sidecar_of(scan)
        facts = read_json(sidecar, errors="replace") if sidecar.is_file() else {}
        kept = {key: facts[key] for key in KEPT if key in facts} | headers.get(facts.get("SeriesInstanceUID"), {})
        save_json(sidecar, kept)
    for other in target.iterdir():  # such as gradient tables
        if other.suffix not in (".gz", ".json"):
            other.unlink()


def _headers(dicom: Iterable[Path]) -> dict[str, dict]:
    """By SeriesInstanceUID, `study` and, if the header names one, `ContrastBolusAgent`."""
    pydicom = optional("pydicom")
    tags = ["SeriesInstanceUID", "StudyInstanceUID", "ContrastBolusAgent", "ContrastBolusAgentSequence"]
    found = {}
    for file in dicom:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags, force=True)
        except Exception:  # pydicom raises many types for a damaged file; dcm2niix judges it
            continue
        series = str(header.get("SeriesInstanceUID", ""))
        if not series or series in found:
            continue
        agent = str(header.get("ContrastBolusAgent", "") or "")
        if not agent and header.get("ContrastBolusAgentSequence"):
            agent = "named in ContrastBolusAgentSequence"
        study = hashlib.sha256(str(header.get("StudyInstanceUID", "")).encode()).hexdigest()[:12]
        found[series] = {"study": study} | ({"ContrastBolusAgent": agent} if agent else {})
    return found


def _made_of(target: Path) -> str | None:
    try:
        return read_json(target / DONE)["made_of"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
