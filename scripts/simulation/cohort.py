# SPDX-License-Identifier: Apache-2.0
"""Simulate a cohort on disk: of each subject maps to train from, and one rendering as NIfTI in BraTS naming.

python -m scripts.simulation.cohort --folder cohort_2mm --training 60 --validation 6 --test 20 --spacing 2 --seed 0
"""

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from scripts.common.choices import PARTS
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import locked
from scripts.common.json_files import save_json
from scripts.common.sequences import SEQUENCES
from scripts.common.whole_folder import whole_folder
from scripts.common.workers import end_with_parent
from scripts.simulation.contrast import MAPS, Contrast
from scripts.simulation.maps import check_spacing, make_maps, save_maps
from scripts.simulation.recipe import keep_recipe
from tqdm import tqdm


def make_cohort(
    folder: str,
    training: int = 60,
    validation: int = 6,
    test: int = 20,
    spacing: float = 2.0,
    seed: int = 0,
    workers: int | None = None,
) -> str:
    """Simulate a cohort, or finish an interrupted one; a complete one is not changed.

    The seed of subject n is (seed, n): its bytes do not depend on the number of workers or subjects. A second process
    that simulates into the same folder waits for the first one. What a killed run has left is removed.

    Args:
        folder: gets ``<subject>/<subject>_{maps.npz,t1.nii.gz,...,seg.nii.gz}``, ``cohort.json`` (spacing, seed and
            counts), and at the end ``dataset.json`` (the datalist).
        training, validation, test: number of subjects in each part.
        spacing: voxel size in mm, in `scripts.simulation.maps.SPACINGS_MM`; 1 gives the 240 x 240 x 155 grid of BraTS.
        seed: of the cohort.
        workers: number of processes; by default one per core.

    Returns:
        The folder.

    Raises:
        UserError: the folder has another cohort or other files, or cannot be written.
    """
    _check_arguments(folder, training, validation, test, spacing, seed, workers)
    root = Path(os.path.expanduser(folder))
    counts = dict(zip(PARTS, (training, validation, test)))
    recipe = {"spacing": float(spacing), "seed": seed} | counts
    try:
        with locked(root):
            _make_cohort(root, recipe, counts, workers or os.cpu_count() or 1)
    except OSError as error:
        raise UserError(
            f"The cohort in {root} cannot be written ({error.strerror or error}): choose another folder, correct its "
            "permissions, or make room."
        ) from error
    except BrokenProcessPool as error:
        raise UserError(
            f"A process that simulates subjects into {root} was ended by the system, perhaps for lack of memory: run "
            "the command again with fewer --workers (python -m scripts.simulation.cohort)."
        ) from error
    return str(root)


def _check_arguments(folder, training, validation, test, spacing, seed, workers) -> None:
    if not isinstance(folder, (str, Path)) or not str(folder):
        raise UserError(f"folder is {folder!r}, but must be a path: write it with a folder, such as ./{folder}.")
    counts = {"training": training, "validation": validation, "test": test, "seed": seed}
    for name, number in counts.items():
        if type(number) is not int or number < 0:
            raise UserError(f"{name} is {number!r}, but must be a whole number of at least 0.")
    if training + validation + test == 0:
        raise UserError("The cohort would have no subject: give at least one of --training, --validation and --test.")
    check_spacing(spacing)
    if workers is not None and (type(workers) is not int or workers < 1):
        raise UserError(f"workers is {workers!r}, but must be a whole number of at least 1.")


def _make_cohort(root: Path, recipe: dict, counts: dict[str, int], workers: int) -> None:
    keep_recipe(root, "cohort.json", recipe, "simulated cohort")
    names = {part: [] for part in PARTS}
    for number, part in enumerate(p for p, count in counts.items() for _ in range(count)):
        names[part].append(f"Simulated_{number:05d}")
    every = [name for part in PARTS for name in names[part]]
    waiting = [(name, number) for number, name in enumerate(every) if not (root / name).is_dir()]
    if waiting:
        _simulate(root, waiting, recipe["spacing"], recipe["seed"], workers)
    datalist = {part: [_datalist_entry(name) for name in names[part]] for part in PARTS}
    content = {"name": "simulated cohort", "label_convention": "brats", "simulated": recipe} | datalist
    if not (root / "dataset.json").is_file():
        save_json(root / "dataset.json", content, indent=1)


def ensure_cohort(dataset_dir: str, folder: str, **recipe) -> str:
    """Return `dataset_dir`; if it is the default cohort's `folder`, simulate the cohort unless it is complete.

    Args:
        dataset_dir: the dataset of the run.
        folder: of the default cohort.
        recipe: other arguments of `make_cohort`.
    """
    if Path(dataset_dir).absolute() == Path(folder).absolute():
        make_cohort(folder, **recipe)
    return dataset_dir


def _datalist_entry(name: str) -> dict:
    files = {sequence: f"{name}/{name}_{sequence}.nii.gz" for sequence in SEQUENCES}
    return {"subject": name, "maps": f"{name}/{name}_maps.npz"} | files | {"label": f"{name}/{name}_seg.nii.gz"}


def _simulate(root: Path, waiting: list[tuple[str, int]], spacing: float, seed: int, workers: int) -> None:
    # spawned, not forked, as torch's threads do not work after a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(waiting)), mp_context=context, initializer=end_with_parent) as pool:
        jobs = [pool.submit(simulate_subject, root, name, (seed, number), spacing) for name, number in waiting]
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), desc="Simulating subjects", unit="subject"):
                job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def simulate_subject(root: Path, name: str, seed: tuple[int, int], spacing: float) -> None:
    """Write one subject's folder, whole or not at all."""
    torch.set_num_threads(1)
    maps_seed, contrast_seed = (int(s) for s in np.random.SeedSequence(seed).generate_state(2))
    maps, affine = make_maps(maps_seed, spacing)
    generator = torch.Generator().manual_seed(contrast_seed)
    image = Contrast(spacing=spacing)(torch.from_numpy(maps)[None], generator)[0]
    with whole_folder(root / name) as temporary:
        save_maps(temporary / f"{name}_maps.npz", maps, affine)
        for sequence, z_score in zip(SEQUENCES, image.numpy()):
            save_scan(as_intensity(z_score), affine, temporary / f"{name}_{sequence}.nii.gz")
        save_scan(maps[MAPS.index("label")], affine, temporary / f"{name}_seg.nii.gz")


def as_intensity(z_score: np.ndarray) -> np.ndarray:
    """z-units to positive int16 numbers, as in scans; background stays 0."""
    return np.where(z_score != 0, np.clip(1000 + 200 * z_score, 1, 32767), 0).astype(np.int16)


def save_scan(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write a volume (X, Y, Z) as NIfTI."""
    nib.save(nib.Nifti1Image(array, affine), path)


def main(arguments: list[str] | None = None) -> None:
    """Simulate a cohort, or finish an interrupted one."""
    parser = argparse.ArgumentParser(prog="python -m scripts.simulation.cohort", description=main.__doc__)
    parser.add_argument("--folder", required=True, help="of the cohort; made if missing")
    for part, count in zip(PARTS, (60, 6, 20)):
        parser.add_argument(f"--{part}", type=int, default=count, help=f"number of {part} subjects (default {count})")
    parser.add_argument("--spacing", type=float, default=2.0, help="voxel size in mm (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="of the cohort (default 0)")
    parser.add_argument("--workers", type=int, help="number of processes (default: one per core)")
    print(make_cohort(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    install_error_hook()
    main()
