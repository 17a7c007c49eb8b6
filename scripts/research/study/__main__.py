# SPDX-License-Identifier: Apache-2.0
"""The study: every recipe x setting x seed under one budget, resumable; then docs/study.md from what is stored.

python -m scripts.research.study --workers 2
python -m scripts.research.study --only simulated,ablation --seeds 0
python -m scripts.research.study --only report
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT
from scripts.common.sequences import SEQUENCES, ordered, subset_name
from scripts.evaluation.summary import read_cases, write_cases
from scripts.research.runs import run_all
from scripts.research.study.cells import Cell, Study, teacher_cell
from scripts.research.study.report import write_report
from scripts.simulation.cohort import make_cohort

PARTS = ("simulated", "ablation", "together", "real", "real_kfold", "report")


def cells_of(plan: dict, group: str) -> list[Cell]:
    """All cells of the recipes (``simulated``) or variants (``ablation``), the first seed of all before the next."""
    block = plan if group == "simulated" else plan["ablation"]
    recipes = block["recipes" if group == "simulated" else "variants"]
    return [
        Cell(
            recipe, tuple(entry["overlays"]), ordered(setting), seed, entry.get("teacher"), entry.get("keys", {}), group
        )
        for seed in block.get("seeds", plan["seeds"])
        for setting in block["settings"]
        for recipe, entry in recipes.items()
    ]


def train_teacher(study: Study, name: str, keys: dict) -> None:
    """Train a teacher that recipes start from, and measure it."""
    cell, output = teacher_cell(name, keys), study.teacher(name)
    seconds = study.train(cell, output)
    stored = f"simulated/{name}/{subset_name(SEQUENCES)}_seed0"
    if not study.stored(stored):
        study.store(stored, [study.evaluate(cell, output)], study.facts(cell, output, seconds, "simulated"))


def run_cell(study: Study, cell: Cell) -> None:
    """Train one cell and measure it on the simulated test subjects."""
    output = study.output(cell)
    seconds = study.train(cell, output)
    study.store(cell.name, [study.evaluate(cell, output)], study.facts(cell, output, seconds, cell.group))


def run_together(study: Study, cell: Cell, settings: list) -> None:
    """Train what serves all 14 settings at once, and measure it in the study's settings, each stored as a cell."""
    output = study.output(cell)
    seconds = study.train(cell, output)
    cases = read_cases(study.evaluate(cell, output, student_subsets=settings))
    for setting in settings:
        part = output / f"{subset_name(setting)}.csv"
        named = {subset_name(setting): "student"}
        write_cases(part, cases[cases.network.isin([*named, "teacher"])].replace({"network": named}))
        one = replace(cell, setting=ordered(setting))
        study.store(one.name, [part], study.facts(one, output, seconds, "simulated"))


def run_real(study: Study, cell: Cell, dataset_dir: str) -> None:
    """Measure a cell that was trained on simulated subjects on all real ones."""
    output = study.output(cell)
    cases = study.evaluate(cell, output, dataset_dir=dataset_dir, part="all")
    study.store(cell.in_group("real"), [cases], study.facts(cell, output, None, "real"))


def train_fold_teacher(study: Study, name: str, fold: int, plan: dict) -> None:
    """Train a teacher further on the real subjects of all folds but one."""
    keys = plan["teachers"][name] | _fold_keys(plan, fold)
    study.train(teacher_cell(name, keys), fold_folder(study, name, fold), start_from=str(study.teacher(name)))


def run_fold(study: Study, cell: Cell, fold: int, plan: dict) -> None:
    """Train a cell further on the real subjects of all folds but one, and measure it on that one's."""
    keys = _fold_keys(plan, fold)
    if cell.teacher:
        keys["teacher_from"] = str(fold_folder(study, cell.teacher, fold))
    output = fold_folder(study, cell.in_group(""), fold)
    study.train(cell, output, start_from=str(study.output(cell)), warm_start=False, **keys)
    study.evaluate(cell, output, **keys)


def store_folds(study: Study, cell: Cell, plan: dict) -> None:
    """Keep the cases of all folds of a cell together, once all are there."""
    outputs = [fold_folder(study, cell.in_group(""), fold) for fold in range(plan["kfold"]["folds"])]
    cases = [output / "evaluation_test" / "cases.csv" for output in outputs]
    if all((output / "seconds.json").is_file() and path.is_file() for output, path in zip(outputs, cases)):
        study.store(cell.in_group("real_kfold"), cases, study.facts(cell, outputs[0], None, "real_kfold"))


def fold_folder(study: Study, name: str, fold: int) -> Path:
    """Folder of a fold's checkpoints."""
    return study.work / "real_kfold" / name.strip("/") / f"fold{fold}"


def _fold_keys(plan: dict, fold: int) -> dict:
    kfold = plan["kfold"]
    return {"dataset_dir": kfold["dataset_dir"], "split#fold": fold, "split#folds": kfold["folds"]} | kfold["keys"]


def phases(study: Study, plan: dict, parts: tuple[str, ...], seeds: list[int] | None) -> list[list[tuple]]:
    """What is left to do: lists of (function, arguments); all of one list must be done before the next begins."""
    cells = cells_of(plan, "simulated") + cells_of(plan, "ablation")
    cells = [cell for cell in cells if seeds is None or cell.seed in seeds]
    wanted = [cell for cell in cells if cell.group in parts and not study.stored(cell.name)]
    real, kfold = [], []
    for group, block, chosen in (("real", plan["real"], real), ("real_kfold", plan["kfold"], kfold)):
        for cell in cells:
            measured = cell.group == "simulated" and cell.recipe in block["recipes"]
            measured = measured and cell.seed in block.get("seeds", plan["seeds"])
            if group in parts and measured and not study.stored(cell.in_group(group)):
                chosen.append(cell)
    together = [
        Cell(name, tuple(entry["overlays"]), SEQUENCES, seed, None, entry["keys"])
        for seed in plan["together"]["seeds"]
        for name, entry in plan["together"]["recipes"].items()
        if "together" in parts and (seeds is None or seed in seeds)
    ]
    last = {cell.name: replace(cell, setting=ordered(plan["settings"][-1])).name for cell in together}
    folds = range(plan["kfold"]["folds"])
    needed = {cell.teacher for cell in wanted + kfold if cell.teacher}
    teachers_of_folds = sorted({cell.teacher for cell in kfold if cell.teacher})
    return [
        [(train_teacher, (study, name, keys)) for name, keys in plan["teachers"].items() if name in needed],
        [(run_cell, (study, cell)) for cell in wanted],
        [(run_together, (study, cell, plan["settings"])) for cell in together if not study.stored(last[cell.name])],
        [(run_real, (study, cell, plan["real"]["dataset_dir"])) for cell in real],
        [(train_fold_teacher, (study, name, fold, plan)) for name in teachers_of_folds for fold in folds],
        [(run_fold, (study, cell, fold, plan)) for cell in kfold for fold in folds],
        [(store_folds, (study, cell, plan)) for cell in kfold],
    ]


def run_study(config: str, parts: tuple[str, ...], seeds: list[int] | None = None, workers: int = 2) -> None:
    """Run what is left of the study, and write its report.

    Args:
        config: the overlay with the common budget; its key ``study`` is the plan.
        parts: of ``PARTS``.
        seeds: only these, or None for those of the plan.
        workers: processes, each on one core.

    Raises:
        UserError: an unknown part, or real subjects that are not there.
    """
    if unknown := set(parts) - set(PARTS):
        raise UserError(f"'{min(unknown)}' is not a part of the study: choose from {', '.join(PARTS)}.")
    budget = json.loads(Path(config).read_text())
    plan = budget["study"]
    for part, block in (("real", "real"), ("real_kfold", "kfold")):
        if part in parts and not Path(plan[block]["dataset_dir"]).is_dir():
            raise UserError(
                f"{plan[block]['dataset_dir']} does not exist: correct study#{block}#dataset_dir in {config}, or leave "
                f"the part '{part}' out with --only."
            )
    study = Study(config, ROOT / "output" / "study", ROOT / "docs" / "study")
    make_cohort(str(ROOT / "cohort_study"), **_cohort(budget))
    for tasks in phases(study, plan, parts, seeds):
        run_all(_named(tasks), workers)
    if "report" in parts:
        write_report()


def _cohort(budget: dict) -> dict:
    sizes = {part: budget[f"simulated#{part}"] for part in ("training", "validation", "test")}
    return sizes | {"spacing": budget["spacing"], "seed": 0}


def _named(tasks: list[tuple]) -> list[tuple]:
    what = [next((item.name for item in arguments if isinstance(item, Cell)), arguments[1]) for _, arguments in tasks]
    return [(f"{function.__name__} {name}", function, arguments) for (function, arguments), name in zip(tasks, what)]


def main(arguments: list[str] | None = None) -> None:
    """Run the study and write docs/study.md."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.study", description=main.__doc__)
    parser.add_argument("--config", default=str(ROOT / "configs" / "study.json"), help="budget and plan")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {','.join(PARTS)} (default: all)")
    parser.add_argument("--seeds", help="only these seeds, such as 0,1 (default: those of the plan)")
    parser.add_argument("--workers", type=int, default=2, help="processes, each on one core (default 2)")
    options = parser.parse_args(arguments)
    seeds = [int(seed) for seed in options.seeds.split(",")] if options.seeds else None
    run_study(options.config, tuple(options.only.split(",")), seeds, options.workers)


if __name__ == "__main__":
    install_error_hook()
    main()
