# SPDX-License-Identifier: Apache-2.0
"""Save a label map with its record and, if asked, the probabilities."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
from monai.transforms import MapTransform, SaveImaged
from scripts.common.errors import ScanError
from scripts.common.files import save_atomically
from scripts.common.json_files import save_json
from scripts.common.label_map_state import (
    EDITED,
    FOREIGN,
    MADE,
    OUTDATED,
    label_map_path,
    probabilities_path,
    record_path,
    sha256_of,
    state_of,
    state_of_probabilities,
)
from scripts.inference.existing import edited_label_map, foreign_file


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

        Raises:
            ScanError: the subject's own folder cannot be written; other subjects are not affected.
        """
        path = label_map_path(self.output_dir, data["subject"])
        _check_folder(path.parent)
        save_segmentation(path, data["label_map"], data["record"], data[self.key] if self.probabilities else None)
        return dict(data) | {"saved": str(path)}


def _check_folder(folder: Path) -> None:
    """Refuse a subject's folder that is a file or may not be written, if the folder of all results may."""
    usable = not os.path.lexists(folder) or (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK))
    if not usable and os.access(folder.parent, os.W_OK | os.X_OK):
        what = "may not be written" if folder.is_dir() else "is not a folder"
        raise ScanError(
            f"{folder} {what}, but the results belong there: move it away, correct its permissions, or choose another "
            "--output_dir."
        )


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
        raise ScanError(edited_label_map(path))
    beside, state = probabilities_path(path), state_of_probabilities(path)
    if probabilities is not None and state == FOREIGN:
        raise ScanError(foreign_file(beside, record_path(path)))
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


def _save(array: np.ndarray, affine, path: Path, before_move=None) -> None:
    image = nib.Nifti1Image(array, np.asarray(affine, dtype=np.float64))
    image.header.set_xyzt_units("mm")
    save_atomically(path, lambda file: nib.save(image, file), before_move)
