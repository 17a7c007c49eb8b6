# SPDX-License-Identifier: Apache-2.0
"""``python -m scripts.preprocess raw/ ready/`` makes raw scans ready for the networks, one folder a subject."""

import argparse
import errno
import sys
from pathlib import Path

from scripts.common.console import set_up_console
from scripts.common.errors import ScanError, UserError
from scripts.common.files import locked
from scripts.common.json_files import read_json, save_json
from scripts.common.printable import printable
from scripts.common.whole_folder import remove_unfinished
from scripts.preprocess.raw_files import raw_subjects
from scripts.preprocess.subject import CONVERTED, WHOLE, make_ready
from scripts.preprocess.wishes import read_wishes

# What the system says where nothing can be written any more.
NO_PLACE = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)


def main(arguments: list[str] | None = None) -> None:
    """Convert, register and strip the scans of each subject, and report those that could not be made ready."""
    parser = argparse.ArgumentParser(prog="python -m scripts.preprocess", description=main.__doc__)
    parser.add_argument("raw", type=Path, help="folder with one folder per subject: DICOM or NIfTI files")
    parser.add_argument("ready", type=Path, help="folder for the ready subjects, the dataset_dir of an inference")
    parser.add_argument("--choice", type=Path, help="JSON file with the scans to take where the headers do not tell")
    parser.add_argument(
        "--registered", action="store_true", help="the scans are registered already: only resample them"
    )
    parser.add_argument("--only", nargs="+", help="names of the subjects to make ready (default: all)")
    options = parser.parse_args(arguments)
    raw, ready = options.raw.resolve(), options.ready.resolve()
    if raw == ready or raw in ready.parents or ready in raw.parents:
        raise UserError(
            f"{options.raw} and {options.ready} are one folder, or one lies in the other: give another one."
        )
    subjects, wishes = raw_subjects(options.raw), read_wishes(options.choice)
    for name in [*(options.only or ()), *wishes]:
        if name not in subjects:
            raise UserError(f"{options.raw} has no folder {name}: give one of {', '.join(list(subjects)[:5])}.")
    results = {}
    with locked(options.ready):
        remove_unfinished(options.ready / CONVERTED)  # dcm2niix's files in it name persons
        for subject in options.only or subjects:
            results[subject] = _make_ready(subject, subjects[subject], options, wishes.get(subject))
            _write(options.ready / "preprocess.json", results)
    failed = [subject for subject, result in results.items() if result["state"] == "failed"]
    print(f"{len(results) - len(failed)} of {len(results)} subjects are ready in {options.ready}.")
    if failed:
        sys.exit(1)


def _make_ready(subject: str, folder: Path, options, wishes) -> dict:
    shown = printable(subject)
    try:
        record = make_ready(subject, folder, options.ready, wishes, options.registered)
    except ScanError as error:
        return _failed(str(error))
    except OSError as error:
        if error.errno in NO_PLACE:  # the next subjects would fail, too
            raise
        return _failed(f"{subject}: {error.filename or folder} cannot be read ({error.strerror or error}).")
    if record is None:
        print(f"{shown}: was ready", flush=True)
        return {"state": "was ready"}
    print(f"{shown}: ready, in the grid of the {record['reference']}; brain: {record['brain']['from']}")
    for name, entry in record["sequences"].items():
        moved = f"moved {entry['moved_mm']:.1f} mm, turned {entry['turned_degrees']:.1f} degrees"
        partly = "" if entry["covered"] >= WHOLE else f"; covers only {entry['covered']:.0%} of the brain"
        print(f"    {name}: {printable(entry['scan'])} ({printable(entry['why'])}); {moved}{partly}")
    for scan in record["not_used"]:
        print(f"    not used: {printable(scan['scan'])} ({printable(scan['why'])})")
    sys.stdout.flush()
    return {"state": "ready"}


def _failed(why: str) -> dict:
    print(f"Error: {printable(why)}", flush=True)
    return {"state": "failed", "why": printable(why)}


def _write(path: Path, results: dict) -> None:
    """The results of this run, and of earlier ones for other subjects."""
    try:
        before = read_json(path)
    except (OSError, ValueError):
        before = {}
    save_json(path, (before if isinstance(before, dict) else {}) | results)


if __name__ == "__main__":
    set_up_console()
    main()
