# SPDX-License-Identifier: Apache-2.0
"""Subjects, label maps, parts and cases on disk that the tests of the report share."""

import json
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
from scripts.evaluation.summary import write_cases
from scripts.report.page import write_report
from scripts.report.parts import read_parts, write_part

SHAPE = (24, 28, 20)
AFFINE = np.diag([-1.0, -1, 2, 1])  # voxels of .002 ml
VOLUMES = {"tc": 12.34, "wt": 56.78, "et": 0.0}


def save_scans(folder, subject, sequences=("t1", "t1ce", "t2", "flair")) -> dict:
    """A subject on disk, as a datalist item."""
    image = np.zeros(SHAPE, dtype=np.int16)
    (folder / subject).mkdir(parents=True)
    item = {"subject": subject}
    for number, sequence in enumerate(sequences):
        # no two sequences are the same
        image[3:-3, 3:-3, 3:-3] = np.random.default_rng(number).integers(100, 200, [size - 6 for size in SHAPE])
        item[sequence] = str(folder / subject / f"{subject}_{sequence}.nii.gz")
        nib.save(nib.Nifti1Image(image, AFFINE), item[sequence])
    return item


def save_label_map(folder, subject, enhancing=4) -> None:
    """500 voxels of oedema, 100 of core, 50 enhancing."""
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[5:15, 5:15, 5:10] = 2
    label[5:15, 5:15, 10] = 1
    label[5:15, 5:10, 11] = enhancing
    (folder / subject).mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(label, AFFINE), folder / subject / f"{subject}_seg.nii.gz")


def save_label_map_with_record(folder, subject, **more) -> Path:
    """A label map with its record, as inference leaves them; returns the label map's path."""
    save_label_map(folder, subject)
    record = {"subject": subject, "flags": [], "volumes_ml": {"wt": 1.3, "tc": 0.3, "et": 0.1}}
    record |= {"sequences": ["t1ce", "flair"], "networks": [{"file": "models/model.pt"}]} | more
    (folder / subject / f"{subject}_seg.json").write_text(json.dumps(record))
    return folder / subject / f"{subject}_seg.nii.gz"


def change_label_map(path, change) -> None:
    image = nib.load(path)
    nib.save(nib.Nifti1Image(change(np.asarray(image.dataobj).copy()), image.affine), path)


def engine(batch=(), output=(), failures=None) -> SimpleNamespace:
    return SimpleNamespace(state=SimpleNamespace(batch=batch, output=output), failures=failures or {})


def parts_of(folder) -> dict:
    return {record["subject"]: record for record in read_parts(folder / "report")}


def facts(subject="S1", **more) -> dict:
    return {"subject": subject, "sequences": ["t1ce", "flair"], "network": "model.pt", "volumes_ml": VOLUMES} | more


def save_parts(folder, *records, picture="<p>picture of {}</p>\n") -> None:
    for record in records:
        write_part(folder / "report", record, picture.format(len(record["subject"])))


def write_page(folder, **more) -> str:
    return write_report(folder, **more).read_text(encoding="utf-8")


def save_expected(folder, **more) -> str:
    dice = {region: {"mean": 0.75, "interval": [0.5, 0.9]} for region in ("tc", "wt", "et")}
    path = folder / "expected.json"
    entry = {"data": "three real subjects", "subjects": 3, "dice": dice} | more
    path.write_text(json.dumps({"t1ce+flair": [entry]}))
    return str(path)


def save_cases(folder, dices: dict, networks=(("teacher", "t1+t1ce+t2+flair"), ("student", "t1ce+flair"))) -> None:
    """Cases with a student's Dice per subject; the teacher is .1 worse; ET's HD95 is undefined."""
    rows = [
        {"subject": subject, "network": network, "sequences": sequences, "region": region}
        | {"dice": dice - 0.1 * (network == "teacher"), "hd95_mm": float("nan") if region == "et" else 4.5}
        | {"true_ml": 10, "predicted_ml": 8, "empty": "", "dice_cleaned": dice, "hd95_mm_cleaned": 4.5}
        for subject, dice in dices.items()
        for network, sequences in networks
        for region in ("tc", "wt", "et")
    ]
    write_cases(folder / "cases.csv", rows)
