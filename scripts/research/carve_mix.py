# SPDX-License-Identifier: Apache-2.0
"""Mix real training subjects by CarveMix: the tumour of one, with what surrounds it, in the brain of another.

``python -m scripts.research.carve_mix --dataset_dir output/weights/real/subjects --split_file output/weights/real/fold1.json
--output output/carve_mix`` writes ``subjects``, with a link to each real subject and ``--mixes`` new ones for each of the
training part, and ``split.json``, whose training part has both. A training takes them by ``with_real.json`` with
``real#dataset_dir`` and ``real#split#split_file``.

Source: Zhang et al., CarveMix, MICCAI 2021 (arXiv 2104.06897). Ours: half of the carved tumours are mirrored, and a tumour
of which more than a twentieth would lie outside the other brain is not used.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from monai.bundle import ConfigParser
from scipy.ndimage import distance_transform_edt
from scripts.common.errors import UserError, install_error_hook
from scripts.common.json_files import read_given_json, save_json
from scripts.common.labels import label_from_regions
from scripts.common.sequences import REGIONS, SEQUENCES
from scripts.common.whole_folder import whole_folder
from scripts.research.runs import configs
from scripts.simulation.cohort import as_intensity, save_scan
from scripts.training.subjects import labelled_subjects
from tqdm import tqdm

# Draws of another tumour before a subject is given up.
TRIES = 50


def carved(whole_tumour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The region that is carved out: the tumour, made smaller or larger by a random distance (equations 2 to 4).

    Args:
        whole_tumour: bool (X, Y, Z), not empty.
        rng: of the distance. Half of the time it is up to half of the largest depth of the tumour inwards, else up to
            that whole depth outwards.

    Returns:
        bool (X, Y, Z).
    """
    outside, inside = distance_transform_edt(~whole_tumour), distance_transform_edt(whole_tumour)
    deepest = inside.max()
    distance = rng.uniform(-deepest / 2, 0) if rng.random() < 0.5 else rng.uniform(0, deepest)
    return outside - inside <= distance


def mix(
    target: tuple[np.ndarray, np.ndarray], source: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """The target with the carved region of the source (equations 5 and 6).

    Args:
        target, source: image (4, X, Y, Z) in z-units, 0 outside the brain, and regions, bool (3, X, Y, Z).
        rng: of the mirroring and the region.

    Returns:
        Image and regions; None if more than a twentieth of the source's tumour would lie outside the target's brain.
    """
    image, regions = source
    if rng.random() < 0.5:
        image, regions = image[:, ::-1], regions[:, ::-1]
    brain = target[0].any(axis=0)
    tumour = regions[REGIONS.index("wt")]
    if (tumour & brain).sum() < 0.95 * tumour.sum():
        return None
    region = carved(tumour, rng) & brain & image.any(axis=0)
    return np.where(region, image, target[0]), np.where(region, regions, target[1])


def make_mixes(dataset_dir: str, split_file: str, output: str, mixes: int, seed: int) -> None:
    """Write the mixed subjects, links to the real ones, and the split file.

    Args:
        dataset_dir: real subjects on one common grid, such as the 240 x 240 x 155 voxels of BraTS.
        split_file: JSON with the lists of subjects ``training``, ``validation`` and ``test``; the first are mixed.
        output: folder, which must not exist.
        mixes: number of mixed subjects for each training subject.
        seed: of all draws.

    Raises:
        UserError: the folder exists, the subjects have other grids, or no tumour fits into a brain.
    """
    folder = Path(output)
    if folder.exists():
        raise UserError(f"{folder} exists: choose another folder.")
    split = read_given_json(split_file)
    parser = ConfigParser()
    parser.read_config(configs())
    load, spacing = parser.get_parsed_content("load_subject"), parser.get_parsed_content("spacing")
    items = {item["subject"]: item for item in labelled_subjects(dataset_dir, SEQUENCES)}
    loaded = {name: load(items[name]) for name in tqdm(split["training"], "Loading subjects")}
    if len({tuple(one["image"].shape) for one in loaded.values()}) > 1:
        raise UserError(f"The subjects of {dataset_dir} have several grids at {spacing:g} mm: register them first.")
    arrays = {name: (np.asarray(one["image"]), np.asarray(one["label"]) > 0) for name, one in loaded.items()}
    names = []
    with whole_folder(folder) as temporary:
        for number, target in enumerate(tqdm(split["training"], "Mixing subjects")):
            for copy in range(mixes):
                rng = np.random.default_rng((seed, number, copy))
                image, regions = _mixed(target, arrays, rng)
                name = f"{target}-mix{copy}"
                save(temporary / "subjects" / name, image, regions, loaded[target]["image"].affine)
                names.append(name)
        for name, item in items.items():
            (temporary / "subjects" / name).symlink_to(Path(item["t1"]).parent.resolve())
        save_json(temporary / "split.json", split | {"training": [*split["training"], *names]}, indent=1)


def _mixed(target: str, arrays: dict, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    others = [name for name, (_, regions) in arrays.items() if name != target and regions.any()]
    for _ in range(TRIES):
        result = mix(arrays[target], arrays[others[rng.integers(len(others))]], rng)
        if result is not None:
            return result
    raise UserError(f"No tumour of the other subjects fits into the brain of {target}: leave it out of the split file.")


def save(folder: Path, image: np.ndarray, regions: np.ndarray, affine: torch.Tensor) -> None:
    """Write a subject in BraTS naming."""
    folder.mkdir(parents=True)
    for sequence, scan in zip(SEQUENCES, image):
        save_scan(as_intensity(scan), np.asarray(affine), folder / f"{folder.name}_{sequence}.nii.gz")
    save_scan(label_from_regions(regions), np.asarray(affine), folder / f"{folder.name}_seg.nii.gz")


def main(arguments: list[str] | None = None) -> None:
    """Mix real training subjects by CarveMix."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.carve_mix", description=main.__doc__)
    parser.add_argument("--dataset_dir", required=True, help="folder of real subjects")
    parser.add_argument("--split_file", required=True, help="its training subjects are mixed")
    parser.add_argument("--output", required=True, help="folder, which must not exist")
    parser.add_argument("--mixes", type=int, default=3, help="for each training subject (default 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default 0)")
    make_mixes(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    install_error_hook()
    main()
