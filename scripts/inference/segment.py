# SPDX-License-Identifier: Apache-2.0
"""Segmentation from Python, for notebooks and pipelines: one function for whichever sequences there are."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from monai.bundle import ConfigParser
from monai.data import MetaTensor

from scripts.common.errors import ScanError, UserError
from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES, nifti_stem
from scripts.inference.routing import assign_networks
from scripts.inference.save_segmentation import check_ours, save_all
from scripts.training.check_config import check_config

CONFIGS = [str(ROOT / "configs" / name) for name in ("inference.json", "batch_inference.json")]
OF_A_FOLDER = {"dataset_dir", "output_dir", "student_modalities", "existing", "report", "load_ahead", "load_pretrain"}
"""Keys of ``configs/inference.json`` that mean nothing for a single subject."""


@dataclass(frozen=True)
class Segmentation:
    """What `segment` returns.

    Attributes:
        label_map: uint8 (X, Y, Z) in the scan's own grid: 0 background, 1 necrotic or non-enhancing core, 2 oedema,
            4 (or 3 with the numbering ``brats2023``) enhancing tumour.
        affine: (4, 4), voxel to mm.
        sequences: those that were used.
        network: the weight file that was used.
        volumes_ml: of wt, tc and et.
        flags: why a human should look at it; empty if for no reason that the network knows.
        record: all of this and more, as it is saved as JSON.
        probabilities: float32 (3, X, Y, Z) of the regions `scripts.common.sequences.REGIONS`, or None if not asked for.
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
    *,
    affine=None,
    output: str | Path | None = None,
    ckpt_dir: str | Path = ROOT / "models",
    device: str | None = None,
    mirror: bool = False,
    label_convention: str = "brats",
    probabilities: bool = False,
    **keys,
) -> Segmentation:
    """Segment one subject with the network trained for exactly the sequences that are given, in any of the 15 choices.

    It runs ``configs/batch_inference.json``. A network is loaded at its first use and kept for later calls.

    >>> result = segment(t1ce="s1_t1ce.nii.gz", flair="s1_flair.nii.gz", output="s1_seg.nii.gz")  # doctest: +SKIP
    >>> result.volumes_ml, result.flags  # doctest: +SKIP
    ({'wt': 93.1, 'tc': 31.0, 'et': 17.2}, [])

    Args:
        t1, t1ce, t2, flair: NIfTI paths, or arrays (X, Y, Z) with ``affine``; co-registered, skull-stripped, 0 outside
            the brain, any orientation and spacing, any unit of intensity.
        affine: (4, 4), voxel to mm in RAS, of all arrays.
        output: file ending in ``.nii.gz`` or ``.nii`` for the label map; a record of the same name that ends in
            ``.json``, and ``..._probabilities.nii.gz`` where asked for, go beside it. None to save nothing.
        ckpt_dir: folder of the networks.
        device: such as ``cuda:0`` or ``cpu``; by default the first GPU, else the CPU.
        mirror: average over eight mirror images; eight times the work.
        label_convention: ``brats`` (ET is 4) or ``brats2023`` (ET is 3).
        probabilities: return (and save) them too.
        keys: other keys of ``configs/inference.json``, such as ``et_min_ml=0.5`` or ``resample=True``.

    Raises:
        ScanError: a scan that cannot be used, or sequences without a network, in one sentence.
        UserError: arguments or keys that cannot be used; an ``output`` that would overwrite what is no label map of
            an earlier call.
    """
    given = {name: scan for name, scan in zip(SEQUENCES, (t1, t1ce, t2, flair), strict=True) if scan is not None}
    if not given:
        raise UserError(f"No scan was given: name at least one of {', '.join(SEQUENCES)}.")
    if output is not None and nifti_stem(Path(output).name) is None:
        raise UserError(f"output is {output}, but must end in .nii.gz or .nii.")
    item = {name: _source(name, scan, affine) for name, scan in given.items()}
    missing = [scan for scan in item.values() if isinstance(scan, str) and not Path(scan).is_file()]
    if missing:
        raise UserError(f"{missing[0]} does not exist: correct the path.")
    if output is not None:
        check_ours(Path(output))
    subject = nifti_stem(Path(output).name).removesuffix("_seg") if output else "subject"
    item = assign_networks([{"subject": subject, "label_convention": "brats"} | item], ckpt_dir)[0]
    if useless := sorted(keys.keys() & OF_A_FOLDER):
        raise UserError(f"{useless[0]} is for whole folders and does nothing here: leave it out.")
    keys |= {"ckpt_dir": str(ckpt_dir), "mirror": mirror, "label_convention": label_convention}
    keys |= {"device": str(device)} if device else {}
    result = _run(json.dumps(keys, sort_keys=True, default=float), item)
    pred = result["pred"] if probabilities else None
    if output is not None:
        save_all(Path(output), result["label_map"], result["record"], pred)
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


def _source(name: str, scan, affine):
    if isinstance(scan, (str, Path)):
        return str(Path(scan).expanduser())
    if isinstance(scan, MetaTensor):
        return scan
    if affine is None:
        raise UserError(f"{name} is an array: give the affine (4, 4), from voxel to mm, too.")
    affine = np.asarray(affine, dtype=float)
    if affine.shape != (4, 4):
        raise UserError(f"affine has the shape {affine.shape}, but must be a 4 x 4 matrix from voxel to mm.")
    return MetaTensor(np.asarray(scan, dtype=np.float32), affine=affine)


def _run(keys: str, item: dict) -> dict:
    """The evaluator's output for one datalist item."""
    evaluator, dataset = _pipeline(keys)
    dataset.data = [item]
    evaluator.failures.clear()
    try:
        evaluator.run()
        output = evaluator.state.output
    except BaseException:
        _pipeline.cache_clear()  # an engine that was stopped midway would not start the next call from its beginning
        raise
    evaluator.state.output = evaluator.state.batch = None  # the pipeline is kept, a subject's volumes are not
    dataset.data = [{}]
    if evaluator.failures:
        raise ScanError(evaluator.failures[item["subject"]])
    return output[0]


@lru_cache(maxsize=4)
def _pipeline(keys: str):
    """The config's evaluator and its dataset, for these keys (JSON)."""
    parser = ConfigParser()
    parser.read_config(CONFIGS)
    parser.update({"bundle_root": str(ROOT), "handlers": [], "load_ahead": 0} | json.loads(keys))
    parser["dataset#data"] = [{}]  # one item, which every call replaces
    parser["evaluator#postprocessing"] = "@result"
    parser.parse(reset=True)
    check_config(parser)
    return parser.get_parsed_content("evaluator"), parser.get_parsed_content("dataset")
