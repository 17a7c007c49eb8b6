# SPDX-License-Identifier: Apache-2.0
"""The study's page says what the stored cells hold, however far the study is."""

import json

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from scripts.common.errors import UserError
from scripts.evaluation.summary import COLUMNS, write_cases
from scripts.research.study.figure import gain_figure, recipe_label
from scripts.research.study.report import main, relative_cost, write_report
from scripts.research.study.statistics import dice_of_subjects, gains, load_cells

pytestmark = pytest.mark.filterwarnings("error")
NAN = float("nan")


def _cell(folder, name: str, networks: dict[str, tuple[float, ...]], facts: dict | None = None, hd95_mm=2.0) -> None:
    """A cell with subjects a, b, ...; the Dice of a subject is the same in all regions."""
    rows = []
    for network, dice in networks.items():
        for subject, value in zip("abcdef", dice):
            for region in ("tc", "wt", "et"):
                distance = hd95_mm if region == "et" else 2.0
                values = (subject, network, "flair", region, value, distance, 10.0, 9.0, "", value, distance)
                rows.append(dict(zip(COLUMNS, values)))
    write_cases(folder / f"{name}.csv", rows)
    if facts is not None:
        (folder / f"{name}.json").write_text(json.dumps(facts))


def _study(folder):
    """Control .5 everywhere; KD-Net gains .06 and .02 (subjects a, b) with seed 0, .08 and .04 with seed 1."""
    for seed, dice in enumerate([(0.56, 0.52), (0.58, 0.54)]):
        facts = {"steps": 300, "seconds": 1800 if seed else 5400, "parameters": 1_400_000, "teacher": None}
        _cell(folder, f"simulated/no_distillation/flair_seed{seed}", {"student": (0.5, 0.5)}, facts)
        _cell(folder, f"simulated/kd_net/flair_seed{seed}", {"student": dice}, facts | {"teacher": "teacher"})
    return folder


def _page(folder, resamples: int = 300) -> str:
    write_report(folder, folder / "page" / "study.md", folder / "page" / "study.png", resamples=resamples)
    return (folder / "page" / "study.md").read_text(encoding="utf-8")


def _line(page: str, start: str) -> str:
    """The one line of the page, or the first of several, that starts so."""
    return next(line for line in page.splitlines() if line.startswith(start))


def test_summary_row_holds_the_numbers(tmp_path):
    page = _page(_study(tmp_path))
    assert _line(page, "| KD-Net") == (
        "| KD-Net | 1 | 2 | 0.550 | 0.550 | 0.550 | 0.550 | **+0.050** [+0.030, +0.070] | **[+0.020, +0.080]** | 0.50 "
        "| +0.040 to +0.060 |"
    )
    control = "| no distillation (control) | 1 | 2 | 0.500 | 0.500 | 0.500 | 0.500 | – | – | – | – |"
    assert _line(page, "| no distillation") == control


def test_same_cells_give_the_same_bytes(tmp_path):
    _study(tmp_path)
    _page(tmp_path)
    files = [tmp_path / "page" / name for name in ("study.md", "study.png")]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    _page(tmp_path)
    assert [file.read_bytes() for file in files] == before


def test_rows_are_sorted_by_gain_after_the_control(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/a_worse_one/flair_seed0", {"student": (0.4, 0.45)})
    rows = [line.split(" | ")[0] for line in _page(tmp_path).splitlines() if line.count("|") == 12]
    assert rows == ["| recipe", "| ---", "| no distillation (control)", "| KD-Net", "| a worse one"]


def test_gain_is_bold_only_where_its_interval_excludes_zero(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/cosine/flair_seed0", {"student": (0.6, 0.4)})
    _cell(tmp_path, "simulated/masked/flair_seed0", {"student": (0.4, 0.45)})
    page = _page(tmp_path)
    assert "| +0.000 [-0.100, +0.100] | – | 1.0 | – |" in _line(page, "| cosine")
    assert "| **-0.075** [-0.100, -0.050] | – | 0.50 | – |" in _line(page, "| masked")


def test_recipe_without_the_seed_of_the_control_is_left_out_with_a_note(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/masked/flair_seed7", {"student": (0.9, 0.9)})
    _cell(tmp_path, "simulated/kd_net/t1_seed0", {"student": (0.9, 0.9)})
    page = _page(tmp_path)
    assert "- masked has no gain: the control shares no setting, seed and subject with it yet." in page
    assert "- KD-Net: not counted in any gain, since the control has no such cell: t1 seed 0." in page
    assert _line(page, "| masked") == "| masked | 1 | WT | 0.900 | 2.0 | – | – | – |"  # per setting only
    assert "**+0.050**" in _line(page, "| KD-Net")


def test_seed_that_is_not_in_every_setting_is_told(tmp_path):
    _study(tmp_path)
    for recipe in ("no_distillation", "kd_net"):
        _cell(tmp_path, f"simulated/{recipe}/t1+t2_seed0", {"student": (0.5, 0.5)})
    page = _page(tmp_path)
    assert "- KD-Net: not in the row over all settings, since not in every setting: seed 1." in page
    assert "+0.020" in _line(page, "| KD-Net | 2 | 1 |")  # (.04 + 0) / 2


def test_subject_that_is_not_in_every_cell_is_told(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/kd_net/flair_seed1", {"student": (0.58,)})
    assert "- KD-Net: 1 subject not in every cell of it and of the control, left out." in _page(tmp_path)


def test_a_study_with_only_the_control_gives_a_page_without_figure(tmp_path):
    _cell(tmp_path, "simulated/no_distillation/flair_seed0", {"student": (0.5, 0.5)})
    page = _page(tmp_path)
    assert "| no distillation (control) | 1 | 1 | 0.500" in page
    assert "![" not in page and not (tmp_path / "page" / "study.png").exists()


def test_a_study_without_the_control_gives_a_page(tmp_path):
    _cell(tmp_path, "real/kd_net/flair_seed0", {"student": (0.5,), "teacher": (0.6,)})
    page = _page(tmp_path)
    assert "- KD-Net has no gain" in page
    assert "| KD-Net | 1 | WT | 0.500 | 2.0 | 0.600 | – | – |" in page


def test_no_cell_is_refused(tmp_path):
    with pytest.raises(UserError, match="no stored cell"):
        _page(tmp_path)


def test_undefined_distances_are_counted_and_nothing_reads_nan(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/kd_net/flair_seed0", {"student": (0.56, 0.52)}, hd95_mm=NAN)
    _cell(tmp_path, "real/no_distillation/flair_seed0", {"student": (0.5,)}, hd95_mm=NAN)
    _cell(tmp_path, "real/kd_net/flair_seed0", {"student": (0.6,)}, hd95_mm=NAN)
    page = _page(tmp_path)
    assert "|  |  | ET | 0.550 | 2.0 (2 of 4) | – | **+0.050** [+0.030, +0.070] | 0.50 |" in page
    assert "|  |  | ET | 0.600 | – (1 of 1) | – | +0.100 – | 1.0 |" in page  # one subject has no interval
    assert "nan" not in page.lower()


def test_trained_teacher_is_told_apart_and_stands_beside_its_students(tmp_path):
    _study(tmp_path)
    name = "simulated/teacher/t1+t1ce+t2+flair_seed0"
    _cell(tmp_path, name, {"student": (0.7, 0.9)}, {"steps": 900, "seconds": 3600})
    page = _page(tmp_path)
    assert "| teacher | 1 | 0.800 | 0.800 | 0.800 | 0.800 |" in page
    assert "| KD-Net | 2 | WT | 0.550 | 2.0 | 0.800 |" in page
    assert "| no distillation (control) | 2 | WT | 0.500 | 2.0 | – |" in page
    assert "t1+t1ce+t2+flair, per region" not in page
    assert "1 trained teacher (900 steps)" in page


def test_how_it_was_run_is_told_from_the_facts(tmp_path):
    page = _page(_study(tmp_path))
    assert (
        "- held-out simulated subjects: 4 cells (2 recipes, 1 setting, seeds 0, 1), 300 steps a cell, "
        "1.40 million parameters, 2 test subjects\n- training time, control = 1: KD-Net 1.00\n"
        "- time: 4.0 core-hours\n"  # 2 x (5400 + 1800) s
    ) in page


def test_what_the_facts_lack_is_not_told(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "simulated/cosine/flair_seed0", {"student": (0.5, 0.5)}, {"seconds": None, "steps": 600})
    for file in tmp_path.glob("simulated/n*/*.json"):
        file.unlink()
    page = _page(tmp_path)
    assert "300 to 600 steps a cell" in page
    assert "- time: 2.0 core-hours, as far as the cells tell it (2 of 5)" in page


def test_broken_facts_are_refused_by_name(tmp_path):
    (_study(tmp_path) / "simulated/kd_net/flair_seed1.json").write_text("{")
    with pytest.raises(UserError, match="flair_seed1.json is not a JSON object"):
        _page(tmp_path)


def test_prose_stands_before_and_after_the_tables_as_it_is(tmp_path):
    _study(tmp_path)
    assert _page(tmp_path).startswith("# Study\n\n## How it was run")
    (tmp_path / "introduction.md").write_text("# Which recipe helps\n\nText | with  *signs*.\n")
    (tmp_path / "conclusion.md").write_text("## Conclusion\n\nNone.\n")
    page = _page(tmp_path)
    assert page.startswith("# Which recipe helps\n\nText | with  *signs*.\n\n## How it was run")
    assert page.index("## Conclusion\n\nNone.\n") > page.index("per region</summary>")


def test_ensemble_has_a_row_and_its_need_is_told(tmp_path):
    _study(tmp_path)
    assert "needs the teacher's sequences" not in _page(tmp_path)
    _cell(tmp_path, "simulated/mutual/flair_seed0", {"student": (0.5, 0.5), "ensemble": (0.6, 0.7)})
    page = _page(tmp_path)
    assert "**+0.150** [+0.100, +0.200]" in _line(page, "| mutual, ensemble")
    assert "needs the teacher's sequences" in page


def test_ablation_is_compared_with_the_control_of_its_seeds(tmp_path):
    _study(tmp_path)
    _cell(tmp_path, "ablation/weight_1/flair_seed1", {"student": (0.6, 0.5)})
    _cell(tmp_path, "ablation/weight_2/flair_seed9", {"student": (0.6, 0.5)})
    page = _page(tmp_path)
    assert "| weight 1 | flair | 1 | 0.550 | 0.500 | +0.050 [+0.000, +0.100] | – | 1.0 | – |" in page
    assert "- weight 2 has no gain" in page


def test_the_command_writes_the_page_and_tells_itself(tmp_path):
    _study(tmp_path)
    options = ["--folder", f"{tmp_path}", "--output", f"{tmp_path}/a/x.md", "--figure", f"{tmp_path}/b/y.png"]
    main([*options, "--resamples", "300"])
    page = (tmp_path / "a" / "x.md").read_text(encoding="utf-8")
    assert "](../b/y.png)" in page
    assert page.endswith(f"`python -m scripts.research.study.report {' '.join(options)} --resamples 300`.\n")


def test_figure_has_a_panel_per_dataset_and_a_row_per_recipe(tmp_path, monkeypatch):
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *given: figures.append(figure) or save(figure, *given))
    _study(tmp_path)
    for recipe, dice in {"no_distillation": (0.5, 0.5), "masked": (0.7, 0.6), "kd_net": (0.4, 0.3)}.items():
        _cell(tmp_path, f"real/{recipe}/t1+t2_seed0", {"student": dice})
    table = gains(dice_of_subjects(load_cells(tmp_path)), resamples=300)
    assert gain_figure(table, tmp_path / "study.png")
    assert imread(tmp_path / "study.png").shape[1] == 1500
    panels = figures[0].axes
    assert [panel.get_title().splitlines()[0] for panel in panels] == ["held-out simulated subjects", "real subjects,"]
    # simulated subjects give the order; what only the real ones have comes below
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["KD-Net", "masked"]
    assert [text.get_text() for text in panels[0].texts] == ["not compared"]
    points = {round(line.get_xdata()[0], 6) for line in panels[1].lines if line.get_marker() in "oD"}
    assert points == {0.15, -0.15}


def test_training_time_is_beside_the_controls_of_the_same_cells():
    rows = [
        ("no_distillation", "flair", 0, 10.0),
        ("no_distillation", "flair", 1, 20.0),
        ("mutual", "flair", 0, 20.0),
        ("mutual", "flair", 1, 70.0),
        ("kd_net", "flair", 1, 25.0),
        ("kd_net", "t1", 0, 99.0),  # the control has no such cell
        ("cosine", "flair", 0, float("nan")),  # was interrupted
    ]
    facts = pd.DataFrame(rows, columns=["recipe", "setting", "seed", "seconds"]).assign(dataset="simulated")
    # KD-Net 25 / 20; mutual (20 + 70) / (10 + 20)
    assert relative_cost(facts) == {"kd_net": 1.25, "mutual": 3.0}


def test_labels_say_what_was_combined_and_what_was_changed():
    assert recipe_label("warm_start+kd_net_temperature_2") == "warm start + KD-Net, temperature 2"
    assert recipe_label("barlow_twins") == "Barlow Twins" and recipe_label("mutual", "ensemble") == "mutual, ensemble"
