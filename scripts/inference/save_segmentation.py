# SPDX-License-Identifier: Apache-2.0
"""Save label maps with their records, list the subjects that still need one, and refuse to replace other files."""

import logging
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.transforms import MapTransform, SaveImaged
from scripts.common.choices import EXISTING
from scripts.common.errors import ScanError, UserError
from scripts.common.files import remove_leftovers, save_atomically
from scripts.common.json_files import save_json
from scripts.common.label_map_state import (
    EDITED,
    FOREIGN,
    MADE,
    MISSING,
    OUTDATED,
    label_map_path,
    record_path,
    sha256_of,
    state_of,
)
from scripts.common.printable import some_of
from scripts.common.read_record import read_record
from scripts.common.sequences import SEQUENCES, nifti_stem
from scripts.inference.segmentation_record import weights_sha256
from scripts.inference.table import recorded_problems

logger = logging.getLogger(__name__)


class SaveImageAndRecordd(SaveImaged):
    """Save ``<output_dir>/<subject>/<subject>_seg.nii.gz``, its record as JSON and, if asked, the probabilities.

    The label map is written last, so its presence means that the other files are complete. MONAI's ``SaveImaged`` would
    name the file after the subject's first sequence. This is one by its base class and its name, so that MONAI Label and
    MONAI Deploy, which save results themselves, leave it out.

    Args:
        output_dir: folder of the results.
        key: probabilities (3, X, Y, Z) of tc, wt, et in the scan's own grid, a MetaTensor.
        probabilities: also write ``<subject>_probabilities.nii.gz``, float32, (X, Y, Z, 3).
    """

    def __init__(self, output_dir: str, key: str = "pred", probabilities: bool = False) -> None:
        MapTransform.__init__(self, key)
        self.output_dir = output_dir
        self.key = key
        self.probabilities = probabilities

    def __call__(self, data):
        """
        Args:
            data: with ``subject``, ``label_map`` (uint8 MetaTensor (X, Y, Z)), ``record`` (a dictionary of JSON values)
                and the probabilities.

        Returns:
            The item with ``saved``, the path of the label map.
        """
        path = label_map_path(self.output_dir, data["subject"])
        save_segmentation(path, data["label_map"], data["record"], data[self.key] if self.probabilities else None)
        return dict(data) | {"saved": str(path)}


def save_segmentation(path: Path, label_map, record: dict, probabilities=None) -> dict:
    """Write a label map ``x_seg.nii.gz``, its record ``x_seg.json`` and, unless None, ``x_probabilities.nii.gz``.

    Both images are written to temporary files, then the record with their hashes is saved, then the probabilities are
    moved, and the label map last. So an error leaves the earlier files as they were, and a kill at any moment leaves a
    pair that fits or one that `scripts.common.label_map_state` recognises. Without new probabilities, those of an
    earlier run are removed: they are not this label map's.

    Returns:
        The record that was saved: the given one with ``label_map_sha256``, ``probabilities_sha256`` and the same of the
        files that are replaced, ``replaced_sha256`` and ``replaced_probabilities_sha256``; None where there is no file.

    Raises:
        ScanError: the label map that lies there was changed after inference, or the probabilities are not inference's.
    """
    if state_of(path) == EDITED:
        raise ScanError(_edited(path))
    beside, state = probabilities_path(path), state_of_probabilities(path)
    if probabilities is not None and state == FOREIGN:
        raise ScanError(_foreign(beside, record_path(path)))
    saved = dict(record)

    def save_record(label_map_file: Path, probabilities_file: Path | None):
        saved.update(
            label_map_sha256=sha256_of(label_map_file),
            replaced_sha256=sha256_of(path),
            probabilities_sha256=probabilities_file and sha256_of(probabilities_file),
            replaced_probabilities_sha256=sha256_of(beside) if state in (MADE, OUTDATED) else None,
        )
        save_json(record_path(path), saved)

    def save_others(temporary: Path):
        if probabilities is not None:
            channels_last = np.moveaxis(np.asarray(probabilities, dtype=np.float32), 0, -1)
            _save(channels_last, probabilities.affine, beside, lambda file: save_record(temporary, file))
            return
        save_record(temporary, None)
        if state in (MADE, OUTDATED):
            beside.unlink(missing_ok=True)

    _save(np.asarray(label_map, dtype=np.uint8), label_map.affine, path, save_others)
    return saved


def probabilities_path(label_map: Path) -> Path:
    """``x_probabilities.nii.gz`` beside ``x_seg.nii.gz``."""
    return label_map.with_name(f"{nifti_stem(label_map.name).removesuffix('_seg')}_probabilities.nii.gz")


def state_of_probabilities(label_map: Path) -> str:
    """`MISSING`, `FOREIGN`, `MADE` or `OUTDATED`, as of a label map: the file beside it, by the hashes of the record.

    Records of version 0.12 and earlier have no hash of it: beside them it is `MADE`.
    """
    file = probabilities_path(label_map)
    if not os.path.isfile(file):  # false for a path that is too long
        return MISSING
    record = read_record(record_path(label_map))
    if record is None:
        return FOREIGN
    if "probabilities_sha256" not in record:
        return MADE
    found = sha256_of(file)
    if found == record["probabilities_sha256"]:
        return MADE
    return OUTDATED if found == record.get("replaced_probabilities_sha256") else FOREIGN


def _foreign(file: Path, record: Path) -> str:
    return (
        f"{file} exists and was not made by inference ({record.name} is not its record): choose another folder or name "
        "for the output, or move the file away."
    )


def _edited(label_map: Path) -> str:
    return (
        f"{label_map} was changed after inference, so it is not overwritten: move it away, or choose another folder "
        "for the output."
    )


def pending_subjects(
    items: list[dict], output_dir: str | Path, existing: str = "overwrite", probabilities: bool = False
) -> list[dict]:
    """The datalist items to segment: all, or with ``existing="skip"`` those without a finished label map.

    Args:
        items: from `scripts.data.datalist.subjects_in`.
        output_dir, probabilities: as of `SaveImageAndRecordd`. If probabilities are asked for, subjects without them
            are segmented again, unless their label map was changed since.
        existing: ``overwrite`` or ``skip``.

    Raises:
        UserError: another value of ``existing``.
    """
    if existing not in EXISTING:
        raise UserError(f"existing is {existing!r}, but must be one of {', '.join(EXISTING)}.")
    if existing == "overwrite":
        return items
    maps = {item["subject"]: label_map_path(output_dir, item["subject"]) for item in items}
    pending = [item for item in items if _is_pending(maps[item["subject"]], probabilities)]
    names = {item["subject"] for item in pending}
    kept = [item for item in items if item["subject"] not in names]
    without = [i["subject"] for i in kept if probabilities and state_of_probabilities(maps[i["subject"]]) == MISSING]
    if without:
        logger.warning(
            "The label maps of %s were changed after inference and are kept, so they get no probabilities.",
            some_of(without),
        )
    changed = [item["subject"] for item in kept if _is_newer(item, maps[item["subject"]])]
    if changed:
        logger.warning(
            "The scans of %s are newer than the label maps, which are kept: replace these with --existing overwrite if the "
            "scans were changed.",
            some_of(changed),
        )
    return pending


def _is_pending(label_map: Path, probabilities: bool) -> bool:
    state = state_of(label_map)
    lacking = probabilities and state == MADE and state_of_probabilities(label_map) != MADE
    return lacking or state in (MISSING, OUTDATED)


def _is_newer(item: dict, label_map: Path) -> bool:
    """Whether a scan of the item was written after the label map."""
    made = os.path.getmtime(label_map)
    files = [item[name]["file"] if isinstance(item[name], dict) else item[name] for name in SEQUENCES if name in item]
    return any(os.path.isfile(file) and os.path.getmtime(file) > made for file in files)


def refuse_overwrite(
    items: list[dict],
    output_dir: str | Path,
    existing: str,
    settings: dict,
    weight_files: list[str] | None,
    probabilities: bool = False,
) -> None:
    """Check, before anything is computed, that a run may write its label maps into ``output_dir``.

    Temporary files of killed runs are removed from it.

    Args:
        items: all subjects of the run, those to skip included.
        output_dir, existing, probabilities: as of `pending_subjects`.
        settings: keys of the run that change the label map.
        weight_files: weight files of items without their own (``network``); None if each item has its own.

    Raises:
        UserError: a file that inference did not make or that was changed since would be overwritten
            (`check_overwrite`), or a label map would be skipped that inference did not make, or that was made with
            other settings or other weights, so that the folder would hold both kinds.
    """
    remove_leftovers(output_dir)
    recorded_problems(output_dir)  # raises if the table that lies there is somebody's own
    for item in items:
        path = label_map_path(output_dir, item["subject"])
        state = state_of(path) if existing == "skip" else None
        if state in (MADE, EDITED):
            _check_same_run(path, settings, [item["network"]] if "network" in item else weight_files or [])
        if state not in (MADE, EDITED) or (probabilities and state == MADE):
            check_overwrite(path, probabilities)


def check_overwrite(label_map: Path, probabilities: bool = False) -> None:
    """Refuse to overwrite a label map, or a file with the name of its record, that inference did not make.

    Args:
        label_map: its path.
        probabilities: whether the file of the probabilities would be overwritten, too.

    Raises:
        UserError: naming the file; also if the label map was changed after inference.
    """
    if state_of(label_map) == EDITED:
        raise UserError(_edited(label_map))
    record = record_path(label_map)
    twin = label_map.with_name(nifti_stem(label_map.name) + (".nii" if label_map.name.endswith(".gz") else ".nii.gz"))
    if twin.exists() and record.exists():
        raise UserError(
            f"{twin} has the record {record.name}, which that of {label_map.name} would replace: choose another name for the "
            "output, or move both away."
        )
    found = [path for path in (label_map, record) if path.exists()]
    if found and read_record(record) is None:
        raise UserError(_foreign(found[0], record))
    if probabilities and state_of_probabilities(label_map) == FOREIGN:
        raise UserError(_foreign(probabilities_path(label_map), record))


def _check_same_run(path: Path, settings: dict, weight_files: list[str]) -> None:
    """Raise if the label map's record names other settings or weights."""
    record = read_record(record_path(path)) or {}
    used = {network["sha256"]: network["file"] for network in record.get("networks") or [] if "sha256" in network}
    complete = weight_files and all(Path(file).is_file() for file in weight_files)  # else it is told when it is loaded
    if used and complete and used.keys() != {weights_sha256(file) for file in weight_files}:
        raise UserError(
            f"{path} was made with {', '.join(used.values())}, but this run uses {', '.join(weight_files)}, and these "
            "are other weights: choose another --output_dir, or replace all label maps with --existing overwrite."
        )
    before = record.get("settings", {})
    for name in sorted(before.keys() & settings.keys()):
        if before[name] != settings[name]:
            raise UserError(
                f"{path} was made with {name} {before[name]!r}, but this run has {settings[name]!r}: choose another "
                f"--output_dir, set --{name} {before[name]}, or replace all label maps with --existing overwrite."
            )


def _save(array: np.ndarray, affine, path: Path, before_move=None) -> None:
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    save_atomically(path, lambda file: nib.save(image, file), before_move)
