# SPDX-License-Identifier: Apache-2.0
"""Convert a subject's DICOM series to NIfTI with dcm2niix, and keep what their headers say of the sequence."""

import hashlib
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from scripts.common.errors import ScanError
from scripts.common.json_files import read_json, save_json
from scripts.common.printable import printable, some_of
from scripts.common.sequences import nifti_stem
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
# Beside a scan whose slices are not equidistant: what dcm2niix warns of. It writes the slices as if they were, so that
# all slices above a missing one lie too low.
GAPS = "gaps"
_GAPS = re.compile(r"Warning: ((?:Interslice distance varies|Missing images).*)")
_CONVERTED = re.compile(r"Convert \d+ DICOM as (.+) \(\d+(?:x\d+)+\)")


def convert(subject: str, folder: Path, dicom: Iterable[Path], target: Path, made_of: str) -> list[Path]:
    """Convert all series of a folder into `target`, or take what an earlier run has converted from the same files.

    The JSON file beside each scan holds the entries of `KEPT`, and from the DICOM headers `ContrastBolusAgent`
    (dcm2niix does not tell it) and `study`, a hash that tells studies and patients apart. It has `GAPS` if slices are
    missing.

    Args:
        subject: for messages.
        folder: of the subject, searched with all folders in it.
        dicom: its DICOM files.
        target: where the NIfTI files go; replaced if it was made of other files.
        made_of: the hash of these files (`scripts.preprocess.raw_files.fingerprints`).

    Returns:
        The NIfTI files.

    Raises:
        ScanError: dcm2niix does not convert all series.
        UserError: dcm2niix or pydicom is not installed.
    """
    if _made_of(target) != made_of:
        with whole_folder(target) as temporary:
            _convert(subject, folder, dicom, temporary)
            save_json(temporary / DONE, {"made_of": made_of})
    return sorted(target.glob("*.nii.gz"))


def _convert(subject: str, folder: Path, dicom: Iterable[Path], target: Path) -> None:
    headers, titles = _headers(folder, dicom)
    command = [str(optional("dcm2niix").bin), "-b", "y", "-ba", "n", "-z", "i", "-d", "9", "-f", "%s_%d"]
    # the names of the persons are in its JSON files only until they are written anew below
    ran = subprocess.run([*command, "-o", str(target), str(folder)], capture_output=True, text=True, errors="replace")
    said = [line.strip() for line in (ran.stdout + "\n" + ran.stderr).splitlines() if line.strip()]
    gaps = _gaps(said)
    for filled in (file for name in gaps for file in target.glob("*.nii.gz") if file.name.startswith(f"{name}_Eq")):
        filled.unlink()  # dcm2niix's own filling of a gap
    converted = sorted(target.glob("*.nii.gz"))
    if not converted:
        last = said[-1] if said else ""
        raise ScanError(
            f"{subject}: dcm2niix converts nothing in {folder} ('{last}'): export the series again, or convert "
            "them to NIfTI with another program."
        )
    facts = {scan: _facts(scan) for scan in converted}
    if ran.returncode != 0:
        done = {known.get("SeriesInstanceUID") for known in facts.values()}
        left_out = [title for uid, title in titles.items() if uid not in done]
        raise ScanError(_not_all(subject, folder, left_out, ran.returncode, said))
    for scan, known in facts.items():
        kept = {key: known[key] for key in KEPT if key in known} | headers.get(known.get("SeriesInstanceUID"), {})
        warned = gaps.get(nifti_stem(scan.name))
        save_json(sidecar_of(scan), kept | ({GAPS: warned} if warned else {}))
    for other in target.iterdir():  # such as gradient tables
        if other.suffix not in (".gz", ".json"):
            other.unlink()


def _facts(scan: Path) -> dict:
    sidecar = sidecar_of(scan)
    return read_json(sidecar, errors="replace") if sidecar.is_file() else {}


def _gaps(said: list[str]) -> dict[str, str]:
    """By the name of a scan without ending, the first warning that its slices are not equidistant."""
    found, warned = {}, None
    for line in said:
        if match := _GAPS.match(line):
            warned = warned or match[1]
        elif match := _CONVERTED.match(line):  # comes after the warnings of its scan
            found, warned = found | ({Path(match[1]).name: warned} if warned else {}), None
    return found


def _not_all(subject: str, folder: Path, left_out: list[str], status: int, said: list[str]) -> str:
    """The series that dcm2niix left out, and why: its last warning of a gap, or of a cut file, or its last error."""
    patterns = (_GAPS, re.compile(r"Warning: File not large enough"), re.compile(r".*error", re.IGNORECASE))
    whys = next((lines for pattern in patterns if (lines := [line for line in said if pattern.match(line)])), said)
    what = printable(some_of(left_out)) if left_out else "some series"
    return (
        f"{subject}: dcm2niix does not convert {what} in {folder} (exit status {status}, '{whys[-1]}'): export "
        "the series again, or take its files away."
    )


def _headers(folder: Path, dicom: Iterable[Path]) -> tuple[dict[str, dict], dict[str, str]]:
    """By SeriesInstanceUID, `study` and, if the header names one, `ContrastBolusAgent`; and the title for messages."""
    pydicom = optional("pydicom")
    tags = ["SeriesInstanceUID", "StudyInstanceUID", "PatientID", "ContrastBolusAgent", "ContrastBolusAgentSequence"]
    tags += ["SeriesNumber", "SeriesDescription"]
    found, titles = {}, {}
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
        # an anonymiser may give two patients one UID
        study = "\n".join(str(header.get(name, "")).strip() for name in ("StudyInstanceUID", "PatientID"))
        study = hashlib.sha256(study.encode(errors="replace")).hexdigest()[:12]
        found[series] = {"study": study} | ({"ContrastBolusAgent": agent} if agent else {})
        title = f"series {header.get('SeriesNumber', '')} ({header.get('SeriesDescription', '')})"
        titles[series] = f"{title} with {file.relative_to(folder)}"
    return found, titles


def _made_of(target: Path) -> str | None:
    try:
        return read_json(target / DONE)["made_of"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
