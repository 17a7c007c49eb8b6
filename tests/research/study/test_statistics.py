# SPDX-License-Identifier: Apache-2.0
"""The study's statistics give the numbers that two subjects and two seeds give on paper."""

import math

import numpy as np
import pandas as pd
import pytest

from scripts.common.errors import UserError
from scripts.evaluation.summary import COLUMNS, write_cases
from scripts.research.study.statistics import (
    ALL_SETTINGS,
    cell_files,
    dice_of_subjects,
    gains,
    levels,
    load_cells,
    pair,
    teachers_of,
    two_level_interval,
)

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")
FEW = {"resamples": 300}


def _cases(dice: dict[str, float], network: str = "student", hd95_mm: dict | None = None) -> list[dict]:
    """Rows of one network; the Dice of a subject is the same in all regions."""
    rows = []
    for subject, value in dice.items():
        for region in ("tc", "wt", "et"):
            distance = (hd95_mm or {}).get((subject, region), 2.0)
            values = (subject, network, "flair", region, value, distance, 10.0, 9.0, "", value, distance)
            rows.append(dict(zip(COLUMNS, values)))
    return rows


def _cell(folder, name: str, dice: dict[str, float], **more):
    write_cases(folder / f"{name}.csv", _cases(dice, **more))


def _study(folder):
    """Control .5 everywhere; KD-Net gains .06 and .02 (subjects a, b) with seed 0, .08 and .04 with seed 1."""
    for seed, (a, b) in enumerate([(0.56, 0.52), (0.58, 0.54)]):
        _cell(folder, f"simulated/no_distillation/flair_seed{seed}", {"a": 0.5, "b": 0.5})
        _cell(folder, f"simulated/kd_net/flair_seed{seed}", {"b": b, "a": a})
    return folder


def _gain(folder, *key):
    return gains(dice_of_subjects(load_cells(folder)), **FEW).loc[key]


def test_gain_averages_seeds_then_subjects(tmp_path):
    line = _gain(_study(tmp_path), "simulated", "kd_net", "student", "flair", "mean")
    assert line.gain == pytest.approx(0.05)  # a: (.06 + .08) / 2 = .07, b: (.02 + .04) / 2 = .03
    assert (line.low, line.high) == pytest.approx((0.03, 0.07))  # both draws b, both draws a
    assert line.by_seed == pytest.approx((0.04, 0.06))
    assert line.p == pytest.approx(0.5)  # the least that two pairs can give: 2^(1 - 2)
    assert (line.dice, line.control, line.subjects, line.seeds) == (pytest.approx(0.55), 0.5, 2, (0, 1))


def test_new_seeds_widen_the_interval(tmp_path):
    line = _gain(_study(tmp_path), "simulated", "kd_net", "student", ALL_SETTINGS, "wt")
    # seed 0 twice with b twice, seed 1 twice with a twice: one draw of 16 each, so within 95%
    assert (line.two_low, line.two_high) == pytest.approx((0.02, 0.08))


def test_all_settings_weigh_alike(tmp_path):
    _study(tmp_path)
    for seed in range(2):
        _cell(tmp_path, f"simulated/no_distillation/t1+t2_seed{seed}", {"a": 0.4, "b": 0.4})
        _cell(tmp_path, f"simulated/kd_net/t1+t2_seed{seed}", {"a": 0.43, "b": 0.39})
    line = _gain(tmp_path, "simulated", "kd_net", "student", ALL_SETTINGS, "mean")
    assert line.gain == pytest.approx(0.03)  # a: (.07 + .03) / 2 = .05, b: (.03 - .01) / 2 = .01
    assert line.by_seed == pytest.approx((0.025, 0.035))  # (.04 + .01) / 2, (.06 + .01) / 2
    assert line.settings == ("flair", "t1+t2")


def test_all_settings_use_only_seeds_that_each_of_them_has(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/no_distillation/t1+t2_seed0", {"a": 0.4, "b": 0.4})
    _cell(tmp_path, "simulated/kd_net/t1+t2_seed0", {"a": 0.4, "b": 0.4})
    table = gains(dice_of_subjects(load_cells(tmp_path)), **FEW)
    line = table.loc["simulated", "kd_net", "student", ALL_SETTINGS, "mean"]
    assert (line.seeds, line.gain) == ((0,), pytest.approx(0.02))  # (.04 + 0) / 2
    assert math.isnan(line.two_low)  # one seed has no spread
    assert table.loc["simulated", "kd_net", "student", "flair", "mean"].seeds == (0, 1)


def test_seed_and_setting_that_the_control_lacks_do_not_count(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/kd_net/flair_seed2", {"a": 0.9, "b": 0.9})
    _cell(tmp_path, "simulated/kd_net/t1_seed0", {"a": 0.9, "b": 0.9})
    _cell(tmp_path, "simulated/masked/flair_seed7", {"a": 0.9, "b": 0.9})
    table = gains(dice_of_subjects(load_cells(tmp_path)), **FEW)
    line = table.loc["simulated", "kd_net", "student", ALL_SETTINGS, "mean"]
    assert (line.gain, line.settings, line.seeds) == (pytest.approx(0.05), ("flair",), (0, 1))
    assert "masked" not in table.index.get_level_values("recipe")
    assert "t1" not in table.index.get_level_values("setting")


def test_subject_that_one_cell_lacks_is_left_out(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/kd_net/flair_seed1", {"a": 0.58})
    line = _gain(tmp_path, "simulated", "kd_net", "student", "flair", "mean")
    assert (line.subjects, line.gain) == (1, pytest.approx(0.07))
    assert math.isnan(line.low) and line.p == 1


def test_control_against_itself_gains_nothing(tmp_path):
    line = _gain(_study(tmp_path), "simulated", "no_distillation", "student", ALL_SETTINGS, "mean")
    assert (line.gain, line.low, line.high, line.p) == (0, 0, 0, 1)


def test_ensemble_is_compared_with_the_student_of_the_control(tmp_path):
    _study(tmp_path)
    rows = _cases({"a": 0.5, "b": 0.5}) + _cases({"a": 0.6, "b": 0.7}, network="ensemble")
    write_cases(tmp_path / "simulated/mutual/flair_seed0.csv", rows)
    assert _gain(tmp_path, "simulated", "mutual", "ensemble", "flair", "mean").gain == pytest.approx(0.15)
    assert _gain(tmp_path, "simulated", "mutual", "student", "flair", "mean").gain == 0


def test_ablation_has_the_control_of_the_simulated_subjects(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "ablation/weight_1/flair_seed1", {"a": 0.6, "b": 0.5})
    line = _gain(tmp_path, "ablation", "weight_1", "student", "flair", "mean")
    assert (line.gain, line.seeds) == (pytest.approx(0.05), (1,))


def test_datasets_are_kept_apart(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "real/kd_net/flair_seed0", {"a": 0.9, "b": 0.9})
    assert "real" not in gains(dice_of_subjects(load_cells(tmp_path)), **FEW).index.get_level_values("dataset")


def test_mean_is_that_of_the_three_regions(tmp_path):
    rows = _cases({"a": 0.0})
    for row, dice in zip(rows, (0.3, 0.6, 0.9)):
        row["dice"] = dice
    write_cases(tmp_path / "real/no_distillation/flair_seed0.csv", rows)
    line = dice_of_subjects(load_cells(tmp_path)).iloc[0]
    assert (line.tc, line.wt, line.et, line["mean"]) == pytest.approx((0.3, 0.6, 0.9, 0.6))


def test_levels_average_and_count_undefined_distances(tmp_path):
    _cell(tmp_path, "real/kd_net/flair_seed0", {"a": 0.5, "b": 0.7}, hd95_mm={("a", "et"): NAN, ("b", "et"): 6.0})
    _cell(tmp_path, "real/kd_net/flair_seed1", {"a": 0.7, "b": 0.9}, hd95_mm={("a", "et"): 4.0, ("b", "et"): 10.0})
    table = levels(load_cells(tmp_path), **FEW)
    line = table.loc["real", "kd_net", "flair", "student", "et"]
    assert (line.dice, line.dice_low, line.dice_high) == pytest.approx((0.7, 0.6, 0.8))  # a .6, b .8
    assert line.hd95_mm == pytest.approx(6)  # a: 4, the defined one; b: 8
    assert (line.undefined, line["values"], line.seeds, line.subjects) == (1, 4, 2, 2)
    assert table.loc["real", "kd_net", "flair", "student", "wt"].undefined == 0
    assert math.isnan(table.loc["real", "kd_net", "flair", "student", "mean"].hd95_mm)


def test_two_level_interval_holds_the_spread_of_seeds():
    # all subjects alike: over subjects alone the interval would have no width
    assert two_level_interval(np.repeat([[0.0], [0.1]], 20, axis=1), **FEW) == pytest.approx((0, 0.1))


def test_two_level_interval_of_like_seeds_is_that_over_subjects():
    assert two_level_interval([[0.0, 0.2], [0.0, 0.2]], **FEW) == pytest.approx((0, 0.2))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_two_level_interval_needs_two_of_each(shape):
    assert np.isnan(two_level_interval(np.ones(shape))).all()


def test_pair_without_a_shared_seed_is_none(tmp_path):
    _cell(tmp_path, "real/kd_net/flair_seed0", {"a": 0.5})
    _cell(tmp_path, "real/no_distillation/flair_seed1", {"a": 0.5})
    dice = dice_of_subjects(load_cells(tmp_path))
    assert pair(dice[dice.recipe == "kd_net"], dice[dice.recipe == "no_distillation"]) is None


def test_recipe_with_all_sequences_is_a_teacher_unless_the_control_has_them_too(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/heavy_teacher/t1+t1ce+t2+flair_seed0", {"a": 0.8, "b": 0.8})
    assert teachers_of(dice_of_subjects(load_cells(tmp_path))) == {("simulated", "heavy_teacher")}
    _cell(tmp_path, "simulated/no_distillation/t1+t1ce+t2+flair_seed0", {"a": 0.8, "b": 0.8})
    assert teachers_of(dice_of_subjects(load_cells(tmp_path))) == set()


def test_cells_come_in_the_same_order_and_half_written_ones_do_not(tmp_path):
    for name in ("t1+t2_seed0", "flair_seed10", "flair_seed2", ".77.flair_seed3"):
        _cell(tmp_path, f"simulated/kd_net/{name}", {"a": 0.5})
    found = [(cell["setting"], cell["seed"]) for cell, _ in cell_files(tmp_path)]
    assert found == [("flair", 2), ("flair", 10), ("t1+t2", 0)]


@pytest.mark.parametrize("name", ["flair", "flair+t1ce_seed0", "adc_seed0", "flair_seedx"])
def test_a_misnamed_cell_is_refused(tmp_path, name):
    _cell(tmp_path, f"simulated/kd_net/{name}", {"a": 0.5})
    with pytest.raises(UserError, match=r"kd_net.*is not named <setting>_seed<number>.csv"):
        load_cells(tmp_path)


def test_one_seed_twice_is_refused(tmp_path):
    for name in ("flair_seed1", "flair_seed01"):
        _cell(tmp_path, f"simulated/kd_net/{name}", {"a": 0.5})
    with pytest.raises(UserError, match="holds the same seed as"):
        load_cells(tmp_path)


def test_no_cell_is_refused(tmp_path):
    with pytest.raises(UserError, match="no stored cell.*python -m scripts.research.study"):
        load_cells(tmp_path)


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("", "cannot be read as a table"),
        (",".join(COLUMNS) + "\n", "not one subject"),
        (pd.DataFrame(_cases({"a": 0.5})[:2]).to_csv(index=False), "has not each region once for the student"),
        (pd.DataFrame(_cases({"a": 0.5}) * 2).to_csv(index=False), "has not each region once for the student"),
        (pd.DataFrame(_cases({"a": NAN})).to_csv(index=False), "lacks the Dice of subject a"),
        ("subject,dice\na,1\n", "lacks the columns network"),
    ],
)
def test_a_broken_cell_is_refused_by_name(tmp_path, content, complaint):
    path = tmp_path / "simulated" / "kd_net" / "flair_seed0.csv"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(UserError, match=f"flair_seed0.csv.*{complaint}"):
        load_cells(tmp_path)
