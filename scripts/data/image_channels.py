# SPDX-License-Identifier: Apache-2.0
"""One image whose channels are the sequences of a subject, as other programs hand it over, made a datalist item."""

import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.printable import shortened
from scripts.common.sequences import (
    SEQUENCES,
    names_in,
    nifti_stem,
    ordered,
    parse_filename,
    parse_files,
    possible_sequences,
    sequence_of_folder,
)
from scripts.data.subject_name import subject_of_file


def image_item(image, image_sequences: str | Sequence[str] | None = "", usual: Sequence[str] = ()) -> dict:
    """The datalist item (`scripts.data.datalist.subjects_in`) of one image.

    The channels are, in their order, the first of these that applies:

    1. ``image_sequences``, if it is given;
    2. what the files' names say, if each file is one channel: ``P1_flair.nii.gz`` is FLAIR;
    3. t1, t1ce, t2, flair, if there are four channels;
    4. ``usual``, if there are as many.

    3 and 4 apply only where no name speaks against them: neither ``P1_flair.nii.gz`` beside a file whose name is not
    understood, nor ``P1_flair_brain.nii.gz`` in the place of the t1ce.

    Args:
        image: path of a NIfTI file (X, Y, Z) or (X, Y, Z, C); or a list of paths, one for each channel; or an array or
            tensor (C, X, Y, Z), (X, Y, Z, C) or (X, Y, Z), of which a MetaTensor has its affine. Its
            ``meta["original_channel_dim"]`` tells the channel axis; without it, the first or else the last axis is one
            of at most four.
        image_sequences: the sequences of the channels, a list or one text such as ``flair,t1``.
        usual: sequences that the run expects.

    Returns:
        The item, with ``subject`` from the file's name, or from the folder's if the name is only a sequence.

    Raises:
        ScanError: a file that is missing or unreadable, or an image of another shape.
        UserError: sequences that are unknown, that the files' names tell in part or twice, or that are not as many as
            the channels.
    """
    if isinstance(image, (str, Path)):
        subject, sources, files = _of_file(_absolute(image))
    elif isinstance(image, (list, tuple)) and image and all(isinstance(file, (str, Path)) for file in image):
        files = [_absolute(file) for file in image]
        subject, sources = _subject_of(files[0]), files
    elif isinstance(image, (np.ndarray, torch.Tensor)):
        subject, sources, files = _of_array(image)
    else:
        raise UserError(f"image is {shortened(repr(image))}, but must be the path of a NIfTI file or a list of paths.")
    names = _names(len(sources), image_sequences, usual, files, subject)
    return {"subject": subject, "label_convention": "brats"} | dict(zip(names, sources))


def _absolute(file: str | Path) -> str:
    """A report may be drawn again from another folder."""
    return os.path.abspath(os.path.expanduser(file))


def stated_sequences(image_sequences: str | Sequence[str] | None) -> tuple[str, ...]:
    """The sequences that are named, in the given order; empty if none is.

    Raises:
        UserError: an unknown name, or one named twice.
    """
    if names := names_in(image_sequences):
        ordered(names)
    return tuple(names)


def _names(count: int, image_sequences, usual: Sequence[str], files: list[str], subject: str) -> tuple[str, ...]:
    stated = stated_sequences(image_sequences)
    channels = f"{count} channel{'s' * (count > 1)}"
    if stated:
        if len(stated) != count:
            raise UserError(
                f"{subject} has {channels}, but image_sequences names {len(stated)} ({', '.join(stated)}): name one "
                "sequence for each channel, in their order."
            )
        return stated
    understood = parse_files(map(Path, files))
    told = [understood.get(Path(file), ("", None))[1] for file in files]
    if len(told) == count and set(told) <= set(SEQUENCES) and len(set(told)) == count:
        return tuple(told)
    if any(told):
        _refuse_names(subject, files, [{name} - {None} for name in told])
    for names in (SEQUENCES, tuple(usual)):
        if len(names) == count:
            possible = [_possible(Path(file)) for file in files]
            if any(may and name not in may for may, name in zip(possible, names)):
                _refuse_names(subject, files, possible)
            return names
    raise UserError(
        f"{subject} has {channels}, and nothing says which sequences these are: name them, in their order, in "
        'image_sequences, such as "flair,t1".'
    )


def _possible(file: Path) -> set[str]:
    """The sequences that a file may be by its name, or else by its folder's; none if neither has one in it."""
    return possible_sequences(file.name) or {sequence_of_folder(file.absolute().parent.name)} & set(SEQUENCES)


def _refuse_names(subject: str, files: list[str], told: list[set[str]]) -> None:
    shown = ", ".join(f"{Path(file).name} ({' or '.join(sorted(may)) or 'unknown'})" for file, may in zip(files, told))
    raise UserError(
        f"{subject}: the names of the files do not tell one sequence for each of them: {shortened(shown)}: name the "
        'sequences, in the order of the files, in image_sequences, such as "flair,t1", or rename the files.'
    )


def _of_file(path: str) -> tuple[str, list, list[str]]:
    """Subject, a source for each channel, and the file if it is one channel itself."""
    subject = _subject_of(path)
    if not os.path.isfile(path):
        raise ScanError(f"{subject}: {shortened(path)} does not exist: correct the path.")
    try:
        shape = nib.load(path).shape
    except Exception as error:  # nibabel, gzip and zlib raise many types for a damaged file
        raise ScanError(
            f"{subject}: {path} cannot be read as NIfTI: copy or download it again, or convert it to NIfTI."
        ) from error
    if len(shape) == 4 and shape[3] > 1:
        return subject, [{"file": path, "volume": volume} for volume in range(shape[3])], []
    return subject, [path], [path]


def _of_array(image) -> tuple[str, list, list[str]]:
    meta = getattr(image, "meta", {})
    affine = image.affine.cpu() if isinstance(image, MetaTensor) else torch.eye(4, dtype=torch.float64)
    plain = torch.as_tensor(image.as_tensor() if isinstance(image, MetaTensor) else image).float().cpu()
    if plain.ndim == 4:
        plain = plain.movedim(_channel_axis(plain, meta.get("original_channel_dim")), 0)
    elif plain.ndim == 3:
        plain = plain[None]
    else:
        raise ScanError(f"image has {plain.ndim} axes, but must have three, or four with one for the channels.")
    file = str(meta.get("filename_or_obj") or "")
    subject = _subject_of(file) if file else "image"
    return subject, [MetaTensor(channel, affine=affine) for channel in plain], [file] if len(plain) == 1 else []


def _channel_axis(image: torch.Tensor, told) -> int:
    if isinstance(told, (int, float, np.number)) and np.isfinite(told):  # MONAI writes NaN or text for none
        return int(told)
    for axis in (0, 3):
        if image.shape[axis] <= len(SEQUENCES):
            return axis
    raise ScanError(f"image has the shape {tuple(image.shape)}, in which no axis is one of at most four sequences.")


def _subject_of(path: str) -> str:
    name = Path(path).name
    prefix, _ = parse_filename(name) or (nifti_stem(name) or name, None)
    return subject_of_file(Path(path), prefix) or nifti_stem(name) or "image"
