# SPDX-License-Identifier: Apache-2.0
"""Segmentation from Python, for notebooks and pipelines: one function for any subset of the sequences."""

import difflib
import inspect
import json
import os
import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError, user_error
from scripts.common.files import ROOT
from scripts.common.printable import shortened
from scripts.common.sequences import SEQUENCES, nifti_stem, parse_files, sequence_of_name
from scripts.config_checks.check_config import check_config
from scripts.data.same_grid import TOLERANCE
from scripts.inference.existing import check_overwrite
from scripts.inference.routing import assign_networks
from scripts.inference.save_segmentation import save_segmentation

CONFIGS = [str(ROOT / "configs" / name) for name in ("inference.json", "batch_inference.json")]
# Keys of ``configs/inference.json`` that only apply to runs from the command line.
RUN_KEYS = {
    *("dataset_dir", "output_dir", "student_modalities", "existing", "report", "report_slices", "load_ahead"),
    "load_pretrain",
}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Segmentation:
    """Result of `segment`.

    Attributes:
        label_map: uint8 (X, Y, Z) in the scan's own grid: 0 background, 1 necrotic or non-enhancing core, 2 oedema,
            4 (3 with the label convention ``brats2023``) enhancing tumour.
        affine: (4, 4), voxel to mm.
        sequences: sequences that were used.
        network: path of the weight file that was used.
        volumes_ml: volumes of wt, tc and et.
        flags: reasons for a human to review the label map (`scripts.inference.segmentation_record`); empty if none.
        record: the record that is saved as JSON; it holds all of this and more.
        probabilities: float32 (3, X, Y, Z) in the order of `scripts.common.sequences.REGIONS`; None if not asked for.
    """

    label_map: np.ndarray = field(repr=False)
    affine: np.ndarray = field(repr=False)
    sequences: tuple[str, ...]
    network: str
    volumes_ml: dict[str, float]
    flags: list[str]
    record: dict = field(repr=False)
    probabilities: np.ndarray | None = field(default=None, repr=False)


def segment(
    t1=None,
    t1ce=None,
    t2=None,
    flair=None,
    *others,
    affine=None,
    output: str | Path | None = None,
    ckpt_dir: str | Path = ROOT / "models",
    device: str | None = None,
    test_time_mirroring: bool = False,
    label_convention: str = "brats",
    probabilities: bool = False,
    **keys,
) -> Segmentation:
    """Segment one subject with the network that was trained for exactly the given sequences, any of the 15 subsets.

    It runs ``configs/batch_inference.json``. Networks are loaded at their first use and kept for later calls.

    >>> result = segment(t1ce="s1_t1ce.nii.gz", flair="s1_flair.nii.gz", output="s1_seg.nii.gz")  # doctest: +SKIP
    >>> result.volumes_ml, result.flags  # doctest: +SKIP
    ({'wt': 93.1, 'tc': 31.0, 'et': 17.2}, [])

    Args:
        t1, t1ce, t2, flair: NIfTI paths, or arrays (X, Y, Z) with ``affine``; co-registered, skull-stripped, 0 outside
            the brain, any orientation, spacing and unit of intensity. A file whose name says another sequence is
            refused.
        others: none; a fifth scan is refused.
        affine: (4, 4), voxel to mm in RAS, of all arrays. Files and MetaTensors have their own.
        output: path of the label map, ending in ``.nii.gz`` or ``.nii``. The record (``.json``) and, if asked for,
            ``..._probabilities.nii.gz`` are saved beside it. None to save nothing.
        ckpt_dir: folder of the weight files.
        device: such as ``cuda:0`` or ``cpu``; by default the first GPU, else the CPU.
        test_time_mirroring: average over eight mirror images, which takes eight times as long.
        label_convention: ``brats`` (ET is 4) or ``brats2023`` (ET is 3).
        probabilities: also return (and save) the probabilities.
        keys: other keys of ``configs/inference.json``, such as ``et_min_ml=0.5`` or ``resample=True``.

    Raises:
        ScanError: a scan that cannot be used, or sequences without a network.
        UserError: invalid arguments or keys, or an ``output`` that exists and is not the label map of an earlier call
            or was changed since, or whose ``..._probabilities.nii.gz`` is not inference's.
    """
    if others:
        raise UserError(
            f"{len(SEQUENCES) + len(others)} scans were given by their place, but there are only t1, t1ce, t2 and flair: "
            "give each by its name, such as flair='S1_flair.nii.gz'."
        )
    try:
        return _segment(
            dict(zip(SEQUENCES, (t1, t1ce, t2, flair), strict=True)),
            affine,
            output,
            ckpt_dir,
            probabilities,
            keys
            | {"test_time_mirroring": test_time_mirroring, "label_convention": label_convention}
            | ({"device": str(device)} if device else {}),
        )
    except UserError as error:
        error.args = (as_arguments(str(error)),)
        raise


def as_arguments(sentence: str) -> str:
    """A sentence that speaks of switches of the command line, said of Python's arguments: ``resample=True``."""
    sentence = re.sub(r'--(\w+) "(\[.*?\])"', r"\1=\2", sentence)
    sentence = re.sub(r"--(\w+) (true|false)\b", lambda match: f"{match[1]}={match[2].capitalize()}", sentence)
    sentence = re.sub(r"--(\w+) (\d[\d.]*\d|\d)", r"\1=\2", sentence)
    sentence = sentence.replace("set this key to sequences", "give only sequences")
    return re.sub(r"--(\w+)", r"\1", sentence)


def _segment(scans: dict, affine, output, ckpt_dir, probabilities: bool, keys: dict) -> Segmentation:
    _check_names(keys)
    if run_keys := sorted(keys.keys() & RUN_KEYS):
        raise UserError(f"{run_keys[0]} only applies to runs from the command line: leave it out.")
    if "image" in keys or "image_sequences" in keys:
        raise UserError("image is a key of the command line: give each sequence by its name, such as flair.")
    given = {name: scan for name, scan in scans.items() if scan is not None}
    if not given:
        raise UserError(f"No scan was given: give at least one of {', '.join(SEQUENCES)}.")
    output, ckpt_dir = _path("output", output), _path("ckpt_dir", ckpt_dir)
    if ckpt_dir is None:
        raise UserError("ckpt_dir is None, but must be the folder of the weights.")
    if not isinstance(probabilities, bool):
        raise UserError(f"probabilities is {shortened(repr(probabilities))}, but must be True or False.")
    if output is not None and not nifti_stem(output.name):
        raise UserError(f"output is {output}, but must be a name that ends in .nii.gz or .nii.")
    affine = None if affine is None else _checked_affine(affine)
    item = {name: _source(name, scan, affine) for name, scan in given.items()}
    if affine is not None and all(isinstance(scan, str) for scan in item.values()):
        raise UserError("affine was given, but only files, which have their own: leave affine out.")
    missing = [scan for scan in item.values() if isinstance(scan, str) and not os.path.isfile(scan)]
    if missing:
        what = "is a folder" if os.path.isdir(missing[0]) else "does not exist"
        raise UserError(f"{shortened(missing[0]) or 'The empty path'} {what}: correct the path.")
    _check_scan_names({name: Path(scan) for name, scan in item.items() if isinstance(scan, str)})
    if output is not None:
        check_overwrite(output, probabilities)
    subject = nifti_stem(output.name).removesuffix("_seg") if output else "subject"
    item = assign_networks([{"subject": subject, "label_convention": "brats"} | item], ckpt_dir)[0]
    result = _run(json.dumps(keys | {"ckpt_dir": str(ckpt_dir)}, sort_keys=True, default=_plain), item)
    pred = result["pred"] if probabilities else None
    if output is not None:
        result["record"] = save_segmentation(output, result["label_map"], result["record"], pred)
    return Segmentation(
        label_map=result["label_map"].numpy(),
        affine=np.asarray(result["label_map"].affine, dtype=float),
        sequences=tuple(result["record"]["sequences"]),
        network=result["record"]["networks"][0]["file"],
        volumes_ml=result["record"]["volumes_ml"],
        flags=result["record"]["flags"],
        record=result["record"],
        probabilities=None if pred is None else pred.cpu().numpy(),
    )


def _check_names(keys: dict) -> None:
    """Refuse other names of the sequences, such as ``t1c``, and misspelt arguments with the right one."""
    known = ConfigParser.load_config_files(CONFIGS).keys()
    arguments = [name for name in inspect.signature(segment).parameters if name not in ("others", "keys")]
    for key in keys:
        meant = sequence_of_name(key)
        if meant not in SEQUENCES and key not in known:
            meant = next(iter(difflib.get_close_matches(key.lower(), [*arguments, *known], 1)), None)
        if key not in known and meant in arguments:
            raise UserError(f"'{key}' is not an argument: did you mean {meant}?")


def _check_scan_names(files: dict[str, Path]) -> None:
    """Refuse a file whose name says another sequence: scans given by their place may be in another order."""
    understood = parse_files(files.values())
    for name, file in files.items():
        told = understood.get(file, ("", name))[1]
        if told != name:
            what, example = ("a label map", "flair") if told == "label" else (told, told)
            raise UserError(
                f"{shortened(str(file))} was given as the {name}, but its own name says {what}: give each scan by its "
                f"name, such as {example}='S1_{example}.nii.gz', or rename the file."
            )


def _plain(value):
    """Of a value that JSON does not know, such as numpy's, one that it knows."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _path(name: str, path) -> Path | None:
    if not isinstance(path, (str, Path, type(None))):
        raise UserError(f"{name} is {shortened(repr(path))}, but must be a path.")
    return None if path is None else Path(os.path.expanduser(path))


def _source(name: str, scan, affine):
    if isinstance(scan, (str, Path)):
        return os.path.expanduser(scan)
    if isinstance(scan, MetaTensor):
        own = np.asarray(scan.affine.cpu())
        if affine is not None and (own.shape != (4, 4) or not np.allclose(own, affine, rtol=0, atol=TOLERANCE)):
            raise UserError(
                f"{name} is a MetaTensor whose own affine differs from the affine that was given: leave affine out, or "
                f"give the plain array, {name}.as_tensor()."
            )
        return scan
    array = _numbers(name, scan)
    if affine is None:
        raise UserError(f"{name} is an array: also give the affine (4, 4), voxel to mm.")
    return MetaTensor(array.astype(np.float32), affine=affine)


def _checked_affine(affine) -> np.ndarray:
    affine = _numbers("affine", affine)
    if affine.shape != (4, 4):
        raise UserError(f"affine has the shape {affine.shape}, but must be (4, 4), voxel to mm.")
    return affine.astype(float)


def _numbers(name: str, values) -> np.ndarray:
    """An array of real numbers."""
    try:
        array = values.filled(0) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    except (ValueError, TypeError, RuntimeError):  # ragged lists; tensors on a GPU
        array = None
    if array is None or array.dtype.kind not in "biuf" or array.ndim == 0:
        given = f"of the type {type(values).__name__}"
        wanted = "an array (4, 4) of numbers" if name == "affine" else "a path or an array (X, Y, Z) of real numbers"
        raise UserError(f"{name} is {given}, but must be {wanted}.")
    return array


def _run(keys: str, item: dict) -> dict:
    """Output of the evaluator for one datalist item; one call at a time, since the pipeline is shared."""
    with _LOCK:
        return _run_alone(keys, item)


def _run_alone(keys: str, item: dict) -> dict:
    evaluator, dataset = _pipeline(keys)
    dataset.data = [item]
    evaluator.failures.clear()
    try:
        evaluator.run()
        output = evaluator.state.output
    except BaseException:
        _pipeline.cache_clear()  # an interrupted engine would not start the next call from the beginning
        raise
    evaluator.state.output = evaluator.state.batch = None  # the pipeline is kept, so free the subject's volumes
    dataset.data = [{}]
    if evaluator.failures:
        raise ScanError(evaluator.failures[item["subject"]])
    return output[0]


@lru_cache(maxsize=4)
def _pipeline(keys: str):
    """Evaluator and dataset of the config with these keys (JSON)."""
    parser = ConfigParser()
    parser.read_config(CONFIGS)
    parser.update({"bundle_root": str(ROOT), "handlers": [], "load_ahead": 0} | json.loads(keys))
    parser["dataset#data"] = [{}]  # one item, replaced by every call
    parser["evaluator#postprocessing"] = "@result"
    parser.parse(reset=True)
    check_config(parser)
    try:
        return parser.get_parsed_content("evaluator"), parser.get_parsed_content("dataset")
    except RuntimeError as error:  # MONAI wraps what a constructor raises
        if (cause := user_error(error)) is None:
            raise
        raise cause from None
