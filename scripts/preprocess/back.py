# SPDX-License-Identifier: Apache-2.0
"""Label maps in the grid of each original scan: ``python -m scripts.preprocess.back segmentations/ ready/ out/``."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from scripts.common.console import set_up_console
from scripts.common.errors import ScanError, UserError
from scripts.common.files import hash_of, save_atomically
from scripts.common.json_files import read_json, save_json
from scripts.common.label_map_state import label_map_path
from scripts.common.printable import printable
from scripts.data.label_values import whole_numbers
from scripts.data.read_nifti import read_nifti
from scripts.data.same_grid import TOLERANCE
from scripts.preprocess.grid import resample_labels
from scripts.preprocess.record import ENDING, read_preprocess_record


def take_back(subject: str, label_map: Path, ready: Path, out: Path) -> list[Path]:
    """Write ``<out>/<subject>/<subject>_<sequence>_seg.nii.gz``, the label map in the grid of each original scan.

    Each label is interpolated linearly, and the largest share wins (`scripts.preprocess.grid.resample_labels`). A file
    that was written before from the same label map stays; one that this command did not make is not overwritten.

    Args:
        subject: its name.
        label_map: on the grid of its ready scans.
        ready: folder of the ready subjects, whose records hold the transforms and the grids.
        out: folder for the label maps.

    Returns:
        The files, by sequence in the order of the record.

    Raises:
        ScanError: no record, a label map on another grid or with values that are no labels, or a file that may not be
            replaced.
    """
    record = read_preprocess_record(ready, subject)
    labels, affine = _labels(subject, label_map, record["grid"])
    notes_path = out / subject / f"{subject}_back.json"
    notes, label_map_hash = _read(notes_path), hash_of(label_map)
    for name, entry in record["sequences"].items():
        # a subject that was made ready anew has other grids and transforms
        place = json.dumps([entry["grid"], entry["ready_to_scan"]])
        source = hashlib.sha256(f"{label_map_hash} {place}".encode()).hexdigest()
        path = out / subject / f"{subject}_{name}_seg.nii.gz"
        note = notes.get(path.name, {"made_of": None, "sha256": []})
        found = hash_of(path) if path.is_file() else None
        if found is not None and found not in note["sha256"]:
            raise ScanError(f"{subject}: {path} was not made by this command, or was changed since: move it elsewhere.")
        if found is not None and note == {"made_of": source, "sha256": [*note["sha256"][:-1], found]}:
            continue
        scan_to_ready = np.linalg.inv(np.array(entry["ready_to_scan"]))
        grid = entry["grid"]["shape"], np.array(entry["grid"]["affine"])
        image = nib.Nifti1Image(resample_labels(labels, affine, *grid, scan_to_ready), grid[1])

        def note_hash(file: Path, name=path.name, replaced=note["sha256"][-1:]) -> None:
            notes[name] = {"made_of": source, "sha256": [*replaced, hash_of(file)]}
            save_json(notes_path, notes)

        # noted before the file is moved to its place, so that a kill leaves no file that is not known
        save_atomically(path, lambda file, image=image: nib.save(image, file), note_hash)
    return [out / subject / f"{subject}_{name}_seg.nii.gz" for name in record["sequences"]]


def _labels(subject: str, path: Path, grid: dict) -> tuple[np.ndarray, np.ndarray]:
    labels = read_nifti(subject, "label map", str(path))
    affine = np.asarray(labels.affine, dtype=float)
    same = list(labels.shape) == grid["shape"] and np.allclose(affine, grid["affine"], rtol=0, atol=TOLERANCE)
    if not same:
        raise ScanError(
            f"{subject}: {path} is not in the grid of the ready scans: give the label map that was made of them."
        )
    values = whole_numbers(subject, path, labels)
    if values.min() < 0 or values.max() > 255:
        raise ScanError(f"{subject}: {path} holds values outside of 0 to 255, so it is no label map.")
    return values.astype(np.uint8), affine


def _read(path: Path) -> dict:
    """For each file, the hash of what it was made of, and its own hash after that of the one before."""
    try:
        notes = read_json(path)
        return {name: {"made_of": note["made_of"], "sha256": list(note["sha256"])} for name, note in notes.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def main(arguments: list[str] | None = None) -> None:
    """Take the label maps of an inference back to the grid of each original scan."""
    parser = argparse.ArgumentParser(prog="python -m scripts.preprocess.back", description=main.__doc__)
    parser.add_argument("segmentations", type=Path, help="output_dir of the inference: <subject>/<subject>_seg.nii.gz")
    parser.add_argument("ready", type=Path, help="folder that python -m scripts.preprocess wrote to")
    parser.add_argument("out", type=Path, help="folder for <subject>/<subject>_<sequence>_seg.nii.gz")
    options = parser.parse_args(arguments)
    subjects = sorted(path.parent.name for path in options.ready.glob(f"*/*{ENDING}"))
    if not subjects:
        raise UserError(
            f"{options.ready} has no subject that python -m scripts.preprocess has made ready: give its folder."
        )
    count = failed = 0
    for subject in subjects:
        label_map = label_map_path(options.segmentations, subject)
        if not label_map.is_file():
            print(f"{printable(subject)}: has no label map in {options.segmentations}")
            continue
        try:
            files = take_back(subject, label_map, options.ready, options.out)
        except ScanError as error:
            failed += 1
            print(f"Error: {printable(str(error))}")
            continue
        count += 1
        print(f"{printable(subject)}: {', '.join(path.name for path in files)}", flush=True)
    if not count and not failed:
        raise UserError(
            f"{options.segmentations} has no label map of the subjects in {options.ready}: give the right one."
        )
    print(f"{count} subjects are in {options.out}.")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    set_up_console()
    main()
