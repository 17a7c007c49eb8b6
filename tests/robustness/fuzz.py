# SPDX-License-Identifier: Apache-2.0
"""Random damage to what users give: each case must be taken or refused in a sentence, never end in a traceback.

``python -m tests.robustness.fuzz --cases 1000`` tries so many cases of each kind and prints a table. A case
depends on the seed, its kind and its number only, so ``--kinds header --first 17 --cases 1`` repeats one. It needs no
data.
"""

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random

import nibabel as nib
import numpy as np
from monai.bundle import ConfigParser
from monai.networks.nets import DynUNet
from monai.transforms import Compose
from scripts.common.errors import UserError, install_error_hook, user_error
from scripts.common.files import ROOT
from scripts.common.label_map_state import label_map_path
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import save_weights
from scripts.data.datalist import subjects_in
from scripts.data.load_scan import LoadSequencesd
from scripts.data.splits import split
from scripts.inference.existing import pending_subjects, refuse_overwrite
from scripts.inference.routing import TrainedNetworks, assign_networks
from scripts.inference.table import write_table
from scripts.report.folder import draw_folder
from scripts.report.page import write_report
from scripts.report.parts import write_part
from scripts.research.markdown import markdown_table

from tests.robustness.damage import FILES, damaged_header, write_json

COMMAND = "python -m tests.robustness.fuzz"
TAKEN, REFUSED, TRACEBACK = "taken", "refused in a sentence", "traceback"
HEAD = ["kind", "cases", TAKEN, REFUSED, TRACEBACK, "seconds"]


def run(kinds: list[str], cases: int, seed: int = 0, first: int = 0) -> tuple[list[list[str]], list[str]]:
    """Try cases of each kind.

    Returns:
        A row of `HEAD` for each kind; and the tracebacks, each with the command that repeats it.
    """
    rows, tracebacks = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds:
            begun, counts = time.monotonic(), dict.fromkeys((TAKEN, REFUSED, TRACEBACK), 0)
            for number in range(first, first + cases):
                outcome, text = _outcome(kind, seed, number)
                counts[outcome] += 1
                repeat = f"{COMMAND} --seed {seed} --kinds {kind} --first {number} --cases 1"
                tracebacks += [f"{repeat}\n{text}"] if outcome == TRACEBACK else []
            seconds = time.monotonic() - begun
            rows.append([kind, *(str(number) for number in (cases, *counts.values())), f"{seconds:.0f}"])
    return rows, tracebacks


def _outcome(kind: str, seed: int, number: int) -> tuple[str, str]:
    folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
    try:
        KINDS[kind](Random(f"{seed} {kind} {number}"), folder)
    except Exception as error:
        found = user_error(error)
        sentence = found is not None and "\n" not in str(found)
        return (REFUSED, "") if sentence else (TRACEBACK, traceback.format_exc())
    finally:
        shutil.rmtree(os.fsencode(folder), ignore_errors=True)
    return TAKEN, ""


def header(random: Random, folder: Path) -> None:
    """A NIfTI file with other numbers in its header, other bytes, or cut, through the whole preprocessing."""
    content = damaged_header(random, _scan())
    packed = random.random() < 0.5
    data = gzip.compress(content, 1) if packed else content
    if random.random() < 0.05 and data:
        data = bytearray(data)
        data[random.randrange(len(data))] ^= 1 + random.randrange(255)
    path = folder / ("S1_t1.nii.gz" if packed else "S1_t1.nii")
    path.write_bytes(data)
    item = {"subject": "S1", "label_convention": "brats", "t1": str(path), "sequences": "t1"}
    image = _preprocessing()(item)["image"]
    assert image.isfinite().all() and image.ndim == 4 and np.isfinite(np.asarray(image.affine)).all()


def sidecar(random: Random, folder: Path) -> None:
    """The json beside weights: the networks of a folder are listed and loaded."""
    network = _network(in_channels=1, filters=[2, 2, 2])
    record = {
        "recipe": "none",
        "sequences": ["t1"],
        "regions": ["tc", "wt", "et"],
        "spacing": 2.0,
        "filters": [2, 2, 2],
    }
    name = random.choice(("model.pt", "model_t1.pt"))
    save_weights(folder / name, network, record)
    (folder / name).with_suffix(".json").unlink()
    write_json(random, (folder / name).with_suffix(".json"), record)
    (item,) = assign_networks([{"subject": "S1", "t1": __file__}], folder)
    if "error" not in item:
        TrainedNetworks(_network, [2, 2, 2], 2.0).load(item["network"], item["sequences"])


def dataset(random: Random, folder: Path) -> None:
    """A dataset.json: its subjects are listed, divided, checked for the output folder, and loaded."""
    for name in FILES:
        (folder / name).write_bytes(gzip.compress(_scan(), 1))
    scans = {"t1": "S1_t1.nii.gz", "flair": "S1_flair.nii.gz", "label": "S1_seg.nii.gz"}
    entries = [{"subject": "S1"} | scans, {"subject": "S2", "patient": "P", "t2": "S2_t2.nii.gz"}]
    four_d = {"image": "S1_t1.nii.gz", "label": "S1_seg.nii.gz"}
    content = {
        "label_convention": "brats",
        "modality": {"0": "FLAIR", "1": "T1w"},
        "labels": {"0": "background", "1": "edema"},
        "training": [*entries, four_d],
        "validation": [{"image": ["S1_t1.nii.gz", "S1_flair.nii.gz"]}],
        "test": ["S2_t2.nii.gz"],
    }
    write_json(random, folder / "dataset.json", content)
    _use(folder)


def names(random: Random, folder: Path) -> None:
    """Folders and files of odd names."""
    words = (
        *("S1", "S2", "t1", "t1ce", "T1_Gd", "flair", "seg", "anat", "sub-01", "ses-1"),
        *("ü", "P\n1", "\udcfc", "x" * 210, " "),
    )
    endings = (".nii.gz", ".nii.gz", ".nii", ".NII.GZ", ".dcm", ".mha", ".zip", "", ".txt", ".json")
    for _ in range(random.randint(1, 6)):
        folders = [random.choice(words) for _ in range(random.randint(0, 3))]
        file = random.choice("_-. ").join(random.choice(words) for _ in range(random.randint(1, 2)))
        try:
            Path(folder, *folders).mkdir(parents=True, exist_ok=True)
            Path(folder, *folders, file + random.choice(endings)).write_bytes(b"no scan")
        except OSError:  # a name that is too long, or a file in the place of a folder
            continue
    _use(folder)


def results(random: Random, folder: Path) -> None:
    """Damaged files in the folder of results: record, part, run.json, expected.json; table and report are made."""
    label_map = label_map_path(folder, "S1")
    label_map.parent.mkdir()
    label_map.write_bytes(gzip.compress(_scan(), 1))
    record = {"subject": "S1", "flags": ["odd"], "volumes_ml": {"wt": 1.0, "tc": 0.5, "et": 0.1}, "sequences": ["t1"]}
    record |= {
        "quality": {"entropy_bits": 0.1, "mirror_disagreement": {"wt": 0.1}},
        "networks": [{"file": "model.pt", "sha256": "a"}],
    }
    record |= {"settings": {"spacing": 2.0}, "label_map_sha256": "a", "replaced_sha256": None}
    dice = {region: {"mean": 0.75, "interval": [0.5, 0.9]} for region in ("tc", "wt", "et")}
    expected = {"t1": [{"data": "subjects", "subjects": 3, "dice": dice}]}
    facts = {
        "subject": "S1",
        "sequences": ["t1"],
        "network": "model.pt",
        "volumes_ml": {"wt": 1.0},
        "label_map": {"sha256": "a"},
    }
    write_part(folder / "report", facts, "<p></p>")
    contents = {
        label_map.with_name("S1_seg.json"): record,
        folder
        / "report"
        / "run.json": {
            "kind": "inference",
            "facts": {"spacing": 2.0},
            "expected": str(folder / "expected.json"),
            "scans": {"S1": {"subject": "S1", "t1": "a"}},
        },
        folder / "expected.json": expected,
        folder / "report" / "S1.html.part": facts,
    }
    broken = random.choice(list(contents))
    for path, content in contents.items():
        path.unlink(missing_ok=True)
        if path == broken:
            write_json(random, path, content)
        else:
            path.write_text(json.dumps(content))
    write_table(folder, {"S2": "S2: bad."})
    pending_subjects([{"subject": "S1"}], folder, "skip")
    try:
        refuse_overwrite([{"subject": "S1", "network": "model.pt"}], folder, "skip", {"spacing": 2.0}, None)
    except UserError:
        pass
    draw_folder(folder)
    write_report(folder)


KINDS: dict[str, Callable[[Random, Path], None]] = {
    "header": header,
    "sidecar": sidecar,
    "dataset": dataset,
    "names": names,
    "results": results,
}


def _use(folder: Path) -> None:
    """List the subjects of a folder as training and as inference do, and load them."""
    try:
        split(subjects_in(folder, ("t1", "flair")), seed=1)
    except UserError:
        pass
    items = subjects_in(folder, SEQUENCES, labelled=False)
    output = folder / "output"
    pending_subjects(items, output, "skip")
    refuse_overwrite(items, output, "overwrite", {}, [])
    failures, load = {}, LoadSequencesd(SEQUENCES, thinnest=2.0)
    for item in items:
        assert label_map_path(output, item["subject"]).resolve().parent.parent == output.resolve()
        present = [name for name in SEQUENCES if name in item]
        if "error" in item or not present:
            failures[item["subject"]] = item.get("error", "nothing")
            continue
        try:
            load(item | {"sequences": "+".join(present)})
        except UserError as error:
            failures[item["subject"]] = str(error)
    write_table(output, failures)


@cache
def _scan() -> bytes:
    """A small scan as NIfTI, not compressed."""
    array = np.zeros((20, 20, 20), np.int16)
    array[4:16, 4:16, 4:16] = np.random.default_rng(0).integers(100, 900, (12, 12, 12))
    return nib.Nifti1Image(array, np.diag([2.0, 2.0, 2.0, 1.0])).to_bytes()


@cache
def _preprocessing() -> Compose:
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / name) for name in ("inference.json", "batch_inference.json")])
    return parser.get_parsed_content("preprocessing")


_network = partial(
    DynUNet,
    spatial_dims=3,
    out_channels=3,
    kernel_size=[3] * 3,
    strides=[1, 2, 2],
    upsample_kernel_size=[2, 2],
    norm_name="INSTANCE",
)


def main(arguments: list[str] | None = None) -> None:
    """Try random damage to what users give, and print how each kind ended."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="cases of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"some of {', '.join(KINDS)}, separated by commas")
    options = parser.parse_args(arguments)
    kinds = options.kinds.split(",")
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise UserError(f"'{unknown[0]}' is not a kind of case: choose from {', '.join(KINDS)}.")
    if options.cases < 1:
        raise UserError(f"--cases is {options.cases}: give at least 1.")
    rows, tracebacks = run(kinds, options.cases, options.seed, options.first)
    for text in tracebacks[:20]:
        print(text)
    print("\n".join(markdown_table(HEAD, rows)))
    if tracebacks:
        sys.exit(1)


if __name__ == "__main__":
    install_error_hook()
    main()
