# SPDX-License-Identifier: Apache-2.0
"""The picture of simulated subjects and the intensity table beside it."""

import numpy as np
import pytest

from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.research.intensity_statistics import brain_z_scores, compare_intensities, intensity_statistics
from scripts.research.show_cohort import draw, show_cohort


def subject() -> tuple[np.ndarray, np.ndarray]:
    """Half of the brain is oedema (label 2) of intensity 3, the other half tissue of intensity 1."""
    image, label = np.zeros((4, 12, 12, 12), np.float32), np.zeros((12, 12, 12), np.uint8)
    image[:, 2:6, 2:10, 2:10], image[:, 6:10, 2:10, 2:10] = 1, 3
    label[6:10, 2:10, 2:10] = 2
    return image, label


def test_z_scores_leave_the_background_and_have_mean_0_and_deviation_1():
    scores = brain_z_scores(subject()[0][0])
    assert scores[0, 0, 0] == 0 and np.unique(scores).tolist() == [-1, 0, 1]  # (1 - 2) / 1, background, (3 - 2) / 1
    assert not brain_z_scores(np.zeros((3, 3, 3))).any()


def test_intensity_statistics_by_hand():
    image, label = subject()
    statistics = intensity_statistics([image, 5 * image], [label, label])
    assert set(statistics) == set(SEQUENCES)
    assert statistics["t2"]["ed"] == {"cases": 2, "mean_of_means": 1.0, "sd_of_means": 0.0, "mean_within_sd": 0.0}
    assert statistics["t2"]["healthy"]["mean_of_means"] == -1.0 and "et" not in statistics["t2"]


def test_the_table_puts_real_beside_simulated():
    statistics = intensity_statistics(*[[part, part] for part in subject()])
    table = compare_intensities(statistics, statistics)
    assert table.loc[("flair", "ed"), ("mean_of_means", "real")] == 1.0
    assert len(table) == 4 * 2


def test_the_picture_has_a_row_per_subject_and_a_column_for_the_label():
    figure = draw([("simulated", *subject()), ("real", *subject())])
    assert len(figure.axes) == 2 * (len(SEQUENCES) + 1)


def test_an_empty_folder_of_real_scans_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no folder of a subject"):
        show_cohort(str(tmp_path / "picture.png"), real=str(tmp_path), subjects=0)
