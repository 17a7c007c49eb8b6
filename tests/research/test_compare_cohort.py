# SPDX-License-Identifier: Apache-2.0
"""Simulated subjects stand beside real ones in a picture and in tables."""

import numpy as np
import pytest
from matplotlib.image import imread
from scripts.common.errors import UserError
from scripts.common.sequences import SEQUENCES
from scripts.research.compare_cohort import draw, main


def _subject() -> tuple[np.ndarray, np.ndarray]:
    """Half of the brain is oedema (label 2) of intensity 3, the other half tissue of intensity 1."""
    image, label = np.zeros((4, 12, 12, 12), np.float32), np.zeros((12, 12, 12), np.uint8)
    image[:, 2:6, 2:10, 2:10], image[:, 6:10, 2:10, 2:10] = 1, 3
    label[6:10, 2:10, 2:10] = 2
    return image, label


def test_the_picture_has_a_row_for_each_subject_and_a_column_for_the_label():
    figure = draw([("simulated", *_subject()), ("real", *_subject())])
    assert len(figure.axes) == 2 * (len(SEQUENCES) + 1)


def test_simulated_and_real_subjects_alternate(one_subject, tmp_path):
    output = tmp_path / "picture.png"
    options = ["--real", str(one_subject.parent), "--subjects", "1", "--spacing", "4"]
    main(["picture", "--output", str(output), *options])
    assert imread(output).shape[:2] == (400, 800)  # two rows of 1.9 inches and 0.2 at 100 dpi


def test_numbers_of_a_cohort_on_disk_are_printed(one_subject, capsys):
    main(["numbers", "--folder", str(one_subject.parent)])
    printed = capsys.readouterr().out
    assert "volume_ml wt" in printed and "mean_within_sd" in printed


@pytest.mark.parametrize("option", ["--shapes", "--intensities"])
def test_a_broken_file_of_real_figures_is_refused_before_the_cohort_is_read(option, tmp_path):
    (path := tmp_path / "real.json").write_text("{")
    with pytest.raises(UserError, match="real.json is not valid JSON"):
        main(["numbers", "--folder", str(tmp_path / "no_cohort"), option, str(path)])


def test_an_empty_folder_of_real_scans_is_refused(tmp_path):
    with pytest.raises(UserError, match="has no folder of a subject"):
        main(["picture", "--output", str(tmp_path / "picture.png"), "--real", str(tmp_path), "--subjects", "0"])
