# SPDX-License-Identifier: Apache-2.0
"""Scans of simulated subjects as another scanner would take them: a hospital for the unpaired recipes.

``python -m scripts.research.simulated_hospital cohort_2mm hospital_b --first 60 --count 60 --sequence flair
--acquisition 2 --prefix B`` renders one sequence of these subjects anew, with other acquisition effects.
"""

import argparse
from pathlib import Path

import torch
from nibabel.affines import voxel_sizes
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import locked
from scripts.common.sequences import SEQUENCES, ordered
from scripts.common.whole_folder import whole_folder
from scripts.simulation.cohort import as_intensity, save_scan
from scripts.simulation.contrast import MAPS, Contrast
from scripts.simulation.maps import load_maps
from scripts.simulation.recipe import keep_recipe


def render_hospital(
    cohort: str | Path,
    folder: str | Path,
    sequence: str,
    first: int,
    count: int,
    acquisition: float = 0.5,
    prefix: str = "Hospital",
    seed: int = 0,
) -> list[Path]:
    """Write one sequence and the label map of some subjects of a cohort; subjects that are there are kept.

    ``hospital.json`` in the folder keeps what the scans were made with. The folder can get more subjects made in the same
    way. What a killed run has left is removed when its subject is made again; a second process waits for the first.

    Args:
        cohort: folder of a simulated cohort.
        folder: gets a folder ``<prefix>_00060`` for each subject.
        sequence: which one.
        first, count: numbers of the subjects.
        acquisition: strength of the acquisition effects (`scripts.simulation.acquisition`): bias field, noise, blur,
            thick slices; 1 is calibrated to BraTS.
        prefix: of the subjects' names.
        seed: of the contrast.

    Returns:
        The subjects' folders.

    Raises:
        UserError: an unknown sequence, a subject that the cohort lacks, or a folder of other scans.
    """
    channel = SEQUENCES.index(ordered(sequence)[0])
    scanner = {"sequence": sequence, "acquisition": acquisition, "seed": seed}
    made = []
    with locked(folder):
        keep_recipe(Path(folder), "hospital.json", scanner, "simulated hospital")
        for number in range(first, first + count):
            maps_file = Path(cohort) / f"Simulated_{number:05d}" / f"Simulated_{number:05d}_maps.npz"
            if not maps_file.is_file():
                raise UserError(f"{maps_file} does not exist: choose subjects that {cohort} has, or simulate more.")
            name = f"{prefix}_{number:05d}"
            made.append(Path(folder) / name)
            if made[-1].is_dir():
                continue
            maps, affine = load_maps(maps_file)
            contrast = Contrast(spacing=float(voxel_sizes(affine)[0]), acquisition=acquisition)
            generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
            image = contrast(torch.from_numpy(maps)[None], generator)[0, channel]
            with whole_folder(made[-1]) as temporary:
                save_scan(as_intensity(image.numpy()), affine, temporary / f"{name}_{sequence}.nii.gz")
                save_scan(maps[MAPS.index("label")], affine, temporary / f"{name}_seg.nii.gz")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Render a hospital."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.simulated_hospital", description=main.__doc__)
    parser.add_argument("cohort", help="folder of a simulated cohort")
    parser.add_argument("folder", help="folder of the hospital")
    parser.add_argument("--sequence", default="flair", help="t1, t1ce, t2 or flair (default flair)")
    parser.add_argument("--first", type=int, default=0, help="number of the first subject (default 0)")
    parser.add_argument("--count", type=int, default=60, help="number of subjects (default 60)")
    parser.add_argument("--acquisition", type=float, default=0.5, help="strength of acquisition effects (default 0.5)")
    parser.add_argument("--prefix", default="Hospital", help="of the subjects' names (default Hospital)")
    parser.add_argument("--seed", type=int, default=0, help="of the contrast (default 0)")
    options = vars(parser.parse_args(arguments))
    print(f"{len(render_hospital(**options))} subjects are in {options['folder']}.")


if __name__ == "__main__":
    install_error_hook()
    main()
