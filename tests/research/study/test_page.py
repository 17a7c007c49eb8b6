# SPDX-License-Identifier: Apache-2.0
"""The page has a table of gains for each part and group."""

import pandas as pd
import pytest
from scripts.research.study.page import pair_table, study_lines, subset_table, summary_table, teacher_line
from scripts.research.study.plan import Plan
from scripts.research.study.results import COLUMNS, TRAINING_COLUMNS
from scripts.research.study.statistics import gains

pytestmark = pytest.mark.filterwarnings("error")


def _table() -> pd.DataFrame:
    """The control has .5; soft gains .06 and .02 (subjects a, b) on FLAIR with one seed, masked loses .1 and .05."""
    dice = {"alone": (0.5, 0.5), "soft": (0.56, 0.52), "masked": (0.4, 0.45)}
    rows = [
        (arm, "flair", 0, 0, "student", subject, subject, region, value, 2.0, 10.0, 9.0)
        for arm, values in dice.items()
        for subject, value in zip("ab", values)
        for region in ("tc", "wt", "et")
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _trainings() -> pd.DataFrame:
    """30 minutes of two cores for the control, an hour for soft; masked was interrupted."""
    trainings = [
        ("real", arm, "flair", 0, 0, 100 * n, seconds, 2, ratios, f"0.{n}.0", n == 1, "hash")
        for n, arm, seconds, ratios in (
            (1, "alone", 1800, "{}"),
            (1, "soft", 3600, '{"soft_targets": 0.3}'),
            (3, "masked", None, "{}"),
        )
    ]
    return pd.DataFrame(trainings, columns=TRAINING_COLUMNS)


def test_summary_has_the_control_first_and_then_the_arms_by_gain():
    lines = summary_table(gains(_table(), "alone", resamples=300), "alone", _trainings())
    assert lines[0].endswith("| each fold | new seeds too | p | minutes | gradient ratios |") and lines[2:] == [
        "| alone | 1 | 1 | 2 | 0.500 | 0.500 | 0.500 | 0.500 | – | – | – | – | 60 | – |",
        "| soft | 1 | 1 | 2 | 0.540 | 0.540 | 0.540 | 0.540 | +0.040 [+0.020, +0.060] | – | – | 0.50 | 120 | soft targets 0.30 |",
        "| masked | 1 | 1 | 2 | 0.425 | 0.425 | 0.425 | 0.425 | -0.075 [-0.100, -0.050] | – | – | 0.50 | – | – |",
    ]


def test_a_part_with_a_ceiling_tells_which_share_of_its_gain_each_arm_reaches():
    lines = summary_table(gains(_table(), "alone", resamples=300, ceiling="soft"), "alone", _trainings())
    assert lines[0].endswith("| share of the gap [95%] | minutes | gradient ratios |") and "| – | 60 | – |" in lines[2]
    assert "| 100% [100%, 100%] | 120 |" in lines[3]
    # masked loses .1 and .05 where soft gains .06 and .02: of single subjects -1.67 and -2.5
    assert lines[4].endswith("% [-250%, -167%] | – | – |")


def test_gains_of_each_subset_stand_below_the_control():
    lines = subset_table(gains(_table(), "alone", resamples=300), "alone")
    assert lines[0].endswith("| FLAIR |") and lines[2] == "| alone | 0.500 |"
    assert "| soft | +0.040 [+0.020, +0.060] |" in lines


def test_arms_of_a_pair_are_compared_in_each_group():
    lines = pair_table(_table(), [["soft", "masked"]], {"GLI": "a"}, resamples=300)
    # .56 - .4 and .52 - .45
    assert lines[2:] == [
        "| soft | masked | all | 1 | 1 | 2 | +0.115 [+0.070, +0.160] | – | – | 0.50 |",
        "| soft | masked | GLI | 1 | 1 | 1 | +0.160 – | – | – | 1.0 |",
    ]


def test_pairs_of_arms_that_are_not_run_yet_are_left_out():
    assert pair_table(_table(), [["soft", "later"], ["later", "masked"]], None, resamples=300) == []
    lines = pair_table(_table(), [["later", "soft"], ["soft", "masked"]], None, resamples=300)
    assert len(lines) == 3 and lines[2].startswith("| soft | masked | all |")


def test_the_teacher_is_told_where_an_arm_has_measured_it():
    table = _table()
    teacher = table[table.arm == "soft"].assign(network="teacher", subset="t1+t1ce+t2+flair")
    both = pd.concat([table, teacher])
    assert teacher_line(table, "") == []
    assert teacher_line(both, "")[0].endswith("has a Dice of WT 0.540, TC 0.540, ET 0.540.")
    assert teacher_line(both, "b|c")[0].endswith("has a Dice of WT 0.520, TC 0.520, ET 0.520.")


def _plan(folder, *arms: str, **entries) -> Plan:
    part = {"title": "Real subjects", "control": "alone", "subsets": [["flair"]], "seeds": [0, 1]}
    return Plan({"parts": {"real": part | {"arms": {arm: {} for arm in arms}} | entries}}, folder)


def _store(folder, table: pd.DataFrame, trainings: pd.DataFrame) -> None:
    table.to_csv(folder / "study_real.csv", index=False)
    trainings.to_csv(folder / "study_trainings.csv", index=False)


def test_page_tells_size_time_version_and_precision_of_each_part_with_results(tmp_path):
    plan = _plan(tmp_path, "alone", "soft", "masked", groups={"GLI": "a"})
    plan.parts["later"] = plan.parts["real"]
    assert study_lines(plan, tmp_path, tmp_path / "study.png") == []
    _store(tmp_path, _table(), _trainings())
    picture = tmp_path / "study_pictures" / "real" / "soft.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    lines = study_lines(plan, tmp_path, tmp_path / "study.png", resamples=300)
    assert "![soft](study_pictures/real/soft.png)" in lines and not any("![alone]" in line for line in lines)
    assert lines[0].endswith("(study.png)") and (tmp_path / "study.png").is_file()
    # (1800 + 3600) s x 2 cores
    assert (
        "3 arms, 3 trainings of 100 to 300 steps (2 with bfloat16, the others in float32), 2 subjects; 3.0 core-hours (1 "
        "trainings were interrupted and are not in it); version 0.1.0, 0.3.0." in lines
    )
    assert any(line.startswith("| soft |") and line.endswith("| 120 | soft targets 0.30 |") for line in lines)
    assert lines.count("## Real subjects") == 1 and "### GLI" in lines
    plan.parts["real"]["pairs"] = [["masked", "soft"]]
    lines = study_lines(plan, tmp_path, tmp_path / "study.png", resamples=300)
    assert any(line.startswith("| masked | soft | GLI | 1 | 1 | 1 |") for line in lines)


def test_page_tells_where_several_subjects_are_of_one_patient(tmp_path):
    again = _table()[_table().subject == "a"].assign(subject="a, later")
    _store(tmp_path, pd.concat([_table(), again]), _trainings())
    lines = study_lines(_plan(tmp_path, "alone", "soft", "masked"), tmp_path, tmp_path / "study.png", resamples=300)
    assert any("3 subjects of 2 patients; 3.0 core-hours" in line for line in lines)


def test_an_arm_that_the_plan_no_longer_has_is_not_shown(tmp_path):
    _store(tmp_path, _table(), _trainings())
    lines = study_lines(_plan(tmp_path, "alone", "soft"), tmp_path, tmp_path / "study.png", resamples=300)
    assert any(line.startswith("2 arms, 2 trainings of 100 steps (with bfloat16)") for line in lines)
    assert not any("masked" in line for line in lines)


def test_an_arm_that_was_not_run_on_all_folds_of_the_control_is_left_out(tmp_path):
    table, trainings = _table(), _trainings()
    more = table[table.arm != "masked"].assign(fold=1, subject=lambda rows: rows.subject + "1")
    both = pd.concat([trainings, trainings[trainings.arm != "masked"].assign(fold=1)])
    _store(tmp_path, pd.concat([table, more]), both)
    plan = _plan(tmp_path, "alone", "soft", "masked", folds=[{}, {}])
    lines = study_lines(plan, tmp_path, tmp_path / "study.png", resamples=300)
    assert any(line.startswith("2 arms, 4 trainings") and line.endswith("yet: masked (seed 0).") for line in lines)
    assert any(line.startswith("| soft | 1 | 1 | 4 |") for line in lines)
    assert not any(line.startswith("| masked |") for line in lines)


def test_a_second_seed_counts_when_it_was_run_on_all_folds(tmp_path):
    table, trainings = _table(), _trainings()
    table = pd.concat([table, table.assign(fold=1, subject=table.subject + "1")])
    trainings = pd.concat([trainings, trainings.assign(fold=1)])
    again = table.assign(seed=1)
    partly = again[(again.arm == "alone") | (again.fold == 0)]  # soft and masked lack the second fold
    rows = trainings.assign(seed=1)
    _store(tmp_path, pd.concat([table, partly]), pd.concat([trainings, rows[(rows.arm == "alone") | (rows.fold == 0)]]))
    plan = _plan(tmp_path, "alone", "soft", "masked", folds=[{}, {}])
    lines = study_lines(plan, tmp_path, tmp_path / "study.png", resamples=300)
    assert any(line.startswith("| alone | 1 | 2 | 4 |") for line in lines)
    assert any(line.startswith("| soft | 1 | 1 | 4 |") for line in lines)  # its seed 0 on both folds, all subjects
    assert any(line.endswith("yet: masked (seed 1), soft (seed 1).") for line in lines)
