# SPDX-License-Identifier: Apache-2.0
"""CarveMix: what is carved, what the mixed subject has, and what a training can read."""

import json

import nibabel as nib
import numpy as np
import pytest
from conftest import save
from scripts.common.errors import UserError
from scripts.common.sequences import REGIONS, SEQUENCES
from scripts.data.datalist import subjects_in
from scripts.data.splits import split
from scripts.research.carve_mix import carved, main, mix
from scripts.simulation.cohort import make_cohort

WT = REGIONS.index("wt")


class Draws:
    """A generator that gives these numbers in turn, as shares of the range that is asked for."""

    def __init__(self, *shares: float) -> None:
        self.shares = list(shares)

    def random(self) -> float:
        return self.shares.pop(0)

    def uniform(self, low: float, high: float) -> float:
        return low + self.shares.pop(0) * (high - low)


def _row(first: int, last: int, length: int = 12) -> np.ndarray:
    row = np.zeros((length, 1, 1), bool)
    row[first : last + 1] = True
    return row


@pytest.mark.parametrize(
    "draws, first, last",
    [
        ((0.1, 0.0), 4, 6),  # half of the depth of 3 voxels inwards: voxels deeper than 1.5
        ((0.1, 1.0), 3, 7),  # not moved
        ((0.9, 0.0), 3, 7),
        ((0.9, 0.4), 2, 8),  # 1.2 voxels outwards
        ((0.9, 1.0), 0, 10),  # the whole depth outwards
    ],
)
def test_the_region_is_the_tumour_moved_inwards_or_outwards_by_a_share_of_its_depth(draws, first, last):
    assert np.array_equal(carved(_row(3, 7), Draws(*draws)), _row(first, last))


def _subject(value: float, first: int, last: int, brain: tuple[int, int] = (1, 10)):
    image = np.where(_row(*brain), value, 0.0)[None].repeat(4, axis=0).astype(np.float32)
    regions = np.zeros((3, 12, 1, 1), bool)
    regions[WT] = _row(first, last)
    return image, regions


def test_the_mixed_subject_has_the_tumour_of_the_source_and_keeps_its_own_elsewhere():
    image, regions = mix(_subject(1.0, 8, 9), _subject(2.0, 3, 5), Draws(0.9, 0.1, 1.0))  # not mirrored, not moved
    assert image[:, :, 0, 0].tolist() == [[0, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 0]] * 4
    assert np.flatnonzero(regions[WT]).tolist() == [3, 4, 5, 8, 9] and regions.sum() == 5


def test_the_source_can_be_mirrored():
    _, regions = mix(_subject(1.0, 8, 8), _subject(2.0, 3, 5), Draws(0.1, 0.1, 1.0))
    assert np.flatnonzero(regions[WT]).tolist() == [6, 7, 8]


def test_nothing_is_carved_outside_either_brain_and_a_tumour_outside_it_is_not_used():
    source = _subject(2.0, 3, 5, brain=(3, 10))
    image, _ = mix(_subject(1.0, 9, 9), source, Draws(0.9, 0.9, 1.0))  # 2 voxels outwards
    assert image[0, :, 0, 0].tolist() == [0, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1, 0]
    assert mix(_subject(1.0, 9, 9, brain=(5, 10)), _subject(2.0, 3, 5), Draws(0.9)) is None


def _arguments(folder: str, tmp_path) -> list[str]:
    """Those of the command for the three subjects of a folder, the last of which is for test."""
    names = [item["subject"] for item in subjects_in(folder, SEQUENCES)]
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": names[:2], "validation": [], "test": names[2:]}))
    given = {"dataset_dir": folder, "split_file": path, "output": tmp_path / "mixed", "mixes": 2}
    return [text for name, value in given.items() for text in (f"--{name}", str(value))]


def test_the_command_writes_a_data_set_and_a_split_that_a_training_can_use(tmp_path):
    arguments = _arguments(make_cohort(str(tmp_path / "cohort"), 2, 0, 1, spacing=4.0, workers=1), tmp_path)
    main(arguments)
    items = subjects_in(str(tmp_path / "mixed" / "subjects"), SEQUENCES)
    parts = split(items, split_file=tmp_path / "mixed" / "split.json")
    names = [item["subject"] for item in parts["training"]]
    real = [name for name in names if "-mix" not in name]
    assert len(names) == 6 and sorted(names) == sorted(real + [f"{name}-mix{copy}" for name in real for copy in (0, 1)])
    assert len(parts["test"]) == 1
    scans = [nib.load(next(item for item in items if item["subject"] == name)["flair"]) for name in names[1:3]]
    assert scans[0].shape == scans[1].shape and scans[0].header.get_zooms() == (2, 2, 2)
    assert np.any(np.asarray(scans[0].dataobj) != np.asarray(scans[1].dataobj))
    with pytest.raises(UserError, match="mixed exists: choose another folder"):
        main(arguments)


def test_subjects_of_other_sizes_are_refused(tmp_path):
    for number, size in enumerate((8, 10, 8)):
        for place, name in enumerate((*SEQUENCES, "seg")):
            scan = np.zeros((size, 8, 8), np.int16)
            scan[1:7, 1:7, 1:7] = np.random.default_rng((number, place)).integers(50, 200, (6, 6, 6))
            scan = (scan > 150).astype(np.uint8) if name == "seg" else scan
            save(scan, tmp_path / "data" / f"S{number}" / f"S{number}_{name}.nii.gz")
    with pytest.raises(UserError, match="have several grids at 2 mm: register them first"):
        main(_arguments(str(tmp_path / "data"), tmp_path))
