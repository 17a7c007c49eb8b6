# SPDX-License-Identifier: Apache-2.0
"""How well ``python -m scripts.preprocess`` registers: real scans are moved by known amounts and brought back.

python -m scripts.research.registration --dataset_dir ../shared/data/brats2021_more --page docs/preprocessing.md

Of each subject one sequence (FLAIR, T2, T1 in turn) is turned about an axis drawn at random through the brain's centre
and shifted in a direction drawn at random, by trilinear resampling on its own grid. It is then registered to the T1ce.
The error is the distance between where the found and the known transform put a voxel, over the brain's voxels. Data
sets such as BraTS are registered, but not perfectly: the row of 0 mm says how far the method is from their registration
where nothing was moved, and "from its own" is the distance to what the method found there. The expert label map is
moved with the scan, taken to the T1ce's grid and back again; the Dice of this round trip is that of the whole tumour.
"""

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from scripts.common.errors import UserError, install_error_hook
from scripts.common.metrics import dice
from scripts.common.workers import end_with_parent
from scripts.data.datalist import require_complete, subjects_in
from scripts.data.read_nifti import read_nifti
from scripts.preprocess.grid import resample, resample_labels
from scripts.preprocess.register import centre, register
from scripts.research.markdown import fill_between_markers, markdown_table, number

FIXED, MOVED = "t1ce", ("flair", "t2", "t1")
# mm and degrees.
AMOUNTS = (0.0, 5.0, 10.0, 20.0)
HEAD = ["moved", "subject", "sequence", "error mean, mm", "largest, mm", "from its own, mm"]
HEAD += ["Dice there and back", "processor seconds"]


def measure(items: Iterable[dict], amounts: Iterable[float] = AMOUNTS, seed: int = 0, workers: int = 1) -> list[dict]:
    """One row for each subject and amount; they do not depend on the number of workers.

    Args:
        items: labelled subjects, from `scripts.data.datalist.subjects_in`.
        amounts: mm of the shift and degrees of the turn.
        seed: of axes and directions.
        workers: number of processes.
    """
    tasks = [(number, item, sorted(amounts), seed) for number, item in enumerate(items)]
    if workers == 1:
        return [row for task in tasks for row in _rows(*task)]
    with ProcessPoolExecutor(workers, initializer=end_with_parent) as pool:
        return [row for rows in pool.map(_rows, *zip(*tasks)) for row in rows]


def _rows(number: int, item: dict, amounts: list[float], seed: int) -> list[dict]:
    """The rows of one subject."""
    name = MOVED[number % len(MOVED)]
    scans = {key: _volume(item, key) for key in (FIXED, name, "label")}
    rows, unmoved = [], None
    for amount in amounts:
        draw = np.random.default_rng([seed, number, round(10 * amount)])
        known = rigid(amount, amount, centre(*scans[FIXED]), draw)
        row, found = _row(item["subject"], name, scans, known)
        unmoved = found if amount == 0 else unmoved
        own = np.nan if unmoved is None else displacement(found, known @ unmoved, *scans[FIXED]).mean()
        rows.append(row | {"amount": amount, "own": own})
        shown = ", ".join(f"{key} {value:.4g}" for key, value in rows[-1].items() if not isinstance(value, str))
        print(f"{item['subject']} {name}: {shown}", flush=True)
    return rows


def rigid(degrees: float, mm: float, at, draw: np.random.Generator) -> np.ndarray:
    """A matrix (4, 4): a turn about a random axis through the point `at`, then a shift in a random direction."""
    axis, direction = (vector / np.linalg.norm(vector) for vector in draw.normal(size=(2, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    matrix[:3, 3] = at - matrix[:3, :3] @ at + mm * direction
    return matrix


def displacement(found: np.ndarray, known: np.ndarray, volume, affine) -> np.ndarray:
    """The distance in mm between two transforms (4, 4) at each voxel of the brain, those that are not 0."""
    voxels = np.argwhere(np.asarray(volume) != 0)
    difference = ((found - known) @ np.asarray(affine))[:3]
    return np.linalg.norm(voxels @ difference[:, :3].T + difference[:, 3], axis=1)


def _row(subject: str, name: str, scans: dict, known: np.ndarray) -> tuple[dict, np.ndarray]:
    (volume, affine), (labels, _) = scans[name], scans["label"]
    grid = volume.shape, affine
    moved = resample(volume, affine, *grid, np.linalg.inv(known))
    moved_labels = resample_labels(labels.astype(np.uint8), affine, *grid, np.linalg.inv(known))
    start = time.process_time()
    found = register(subject, scans[FIXED], (moved, affine), (FIXED, name))
    seconds = time.process_time() - start
    errors = displacement(found, known, *scans[FIXED])
    there = resample_labels(moved_labels, affine, *grid, found)
    back = resample_labels(there, affine, *grid, np.linalg.inv(found))
    row = {
        "subject": subject,
        "sequence": name,
        "mean": errors.mean(),
        "largest": errors.max(),
        "dice": dice(back > 0, moved_labels > 0),
        "seconds": seconds,
    }
    return row, found


def _volume(item: dict, name: str) -> tuple[np.ndarray, np.ndarray]:
    scan = read_nifti(item["subject"], name, item[name])
    return np.asarray(scan.as_tensor()), np.asarray(scan.affine, dtype=float)


def table(rows: list[dict]) -> list[str]:
    """The rows as a table, and below them the means of each amount."""
    cells = [
        [f"{row['amount']:g} mm, {row['amount']:g}°", row["subject"], row["sequence"], number(row["mean"], ".2f")]
        + [number(row["largest"], ".2f"), number(row["own"], ".2f"), number(row["dice"]), number(row["seconds"], ".0f")]
        for row in sorted(rows, key=lambda row: row["amount"])
    ]
    for amount in sorted({row["amount"] for row in rows}):
        of_amount = [row for row in rows if row["amount"] == amount]
        mean = {key: float(np.mean([row[key] for row in of_amount])) for key in ("mean", "own", "dice", "seconds")}
        largest = max(row["largest"] for row in of_amount)
        cells.append(
            [f"**{amount:g} mm, {amount:g}°**", f"{len(of_amount)} subjects", "", f"**{number(mean['mean'], '.2f')}**"]
            + [number(largest, ".2f"), number(mean["own"], ".2f"), number(mean["dice"]), number(mean["seconds"], ".0f")]
        )
    return markdown_table(HEAD, cells)


def main(arguments: list[str] | None = None) -> None:
    """Measure the registration of python -m scripts.preprocess on real, labelled subjects."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.registration", description=main.__doc__)
    parser.add_argument("--dataset_dir", required=True, help="folder of registered, labelled subjects")
    parser.add_argument("--subjects", type=int, default=4, help="the first so many of them (default 4)")
    parser.add_argument("--amounts", type=float, nargs="+", default=AMOUNTS, help="mm and degrees (default 0 5 10 20)")
    parser.add_argument("--seed", type=int, default=0, help="of axes and directions (default 0)")
    parser.add_argument("--workers", type=int, default=1, help="number of processes (default 1)")
    parser.add_argument("--page", type=Path, help="page to write the table into, between its markers")
    options = parser.parse_args(arguments)
    if options.subjects < 1:
        raise UserError(f"--subjects is {options.subjects}, but must be at least 1.")
    items = require_complete(subjects_in(options.dataset_dir, (FIXED, *MOVED))[: options.subjects], (FIXED, *MOVED))
    lines = table(measure(items, options.amounts, options.seed, max(options.workers, 1)))
    print("\n".join(lines))
    if options.page:
        fill_between_markers(options.page, "scripts.research.registration", lines)


if __name__ == "__main__":
    install_error_hook()
    main()
