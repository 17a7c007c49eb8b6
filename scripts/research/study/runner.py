# SPDX-License-Identifier: Apache-2.0
"""Run the trainings and evaluations of a study that are left, and write its page.

Worker processes import these functions, so they cannot be in ``__main__``.
"""

import json
from pathlib import Path

import pandas as pd
import torch
from scripts.common.errors import UserError
from scripts.common.files import ROOT
from scripts.common.json_files import save_json
from scripts.common.sequences import SEQUENCES
from scripts.common.versions import metadata
from scripts.common.weights import provenance_of, provenance_path
from scripts.research.markdown import fill_between_markers, text_with_markers
from scripts.research.real_subjects import gather
from scripts.research.runs import ensure_simulated, evaluate_once, run_all, train_once
from scripts.research.stored_networks import take, train_or_take
from scripts.research.study.page import study_lines
from scripts.research.study.plan import Cell, Plan
from scripts.research.study.read_plan import read_plan
from scripts.research.study.results import FACTS, collect, pending

COMMAND = "scripts.research.study"
# Name, beside those of the plan's parts, of writing the page.
PAGE = "page"


def train_starts(plan: Plan, part: str, fold: int | None, results: str | Path) -> None:
    """Run the trainings that the arms of a part start from, in order, or take their stored networks.

    Args:
        fold: its ``shared`` trainings; None for those of ``once``.
    """
    for name, entry in plan.starts(part, fold).items():
        output, keys = plan.starts_folder(part, fold) / name, plan.start_keys(part, fold, name)
        train_or_take(tuple(entry["overlays"]), output, keys, plan.stored_start(part, fold, name, results))


def take_stored_starts(plan: Plan, part: str, results: str | Path) -> None:
    """Copy the stored networks of a part to where its trainings look for them."""
    for fold in (None, *plan.folds(part)):
        for name in plan.starts(part, fold):
            take(plan.stored_start(part, fold, name, results), plan.starts_folder(part, fold) / name)


def run_cell(plan: Plan, cell: Cell) -> None:
    """Train and evaluate one cell."""
    output, overlays = plan.output(cell), tuple(plan.arm(cell)["overlays"])
    seconds = train_once(overlays, output, plan.keys(cell))
    evaluate_once(overlays, output / "evaluation", plan.evaluation_keys(cell))
    records = [provenance_of(file) for file in sorted(output.glob("*.pt")) if provenance_path(file).is_file()]
    record = next((each for each in records if each["sequences"] != list(SEQUENCES)), records[0])
    ratios = pd.DataFrame([each.get("gradient_ratios") or {} for each in records]).median().round(3)
    facts = {
        "plan": plan.hash(cell),
        "steps": record["epochs"] * record["steps_per_epoch"],
        "seconds": seconds,
        "cores": torch.get_num_threads(),
        "ratios": json.dumps(ratios.to_dict()),
        "version": metadata()["version"],
        "amp": record["amp"],
    }
    save_json(output / FACTS, facts)


def run_study(
    plan_file: str | Path,
    work: str | Path,
    results: str | Path,
    page: str | Path | None = None,
    only: list[str] | None = None,
    arms: list[str] | None = None,
    folds: list[int] | None = None,
    workers: int = 2,
    resamples: int = 10_000,
) -> None:
    """Run what is left of a study, and write its page.

    Args:
        plan_file: see `scripts.research.study.plan.Plan`.
        work: folder of the trainings.
        results: folder of the tables.
        page: markdown file with the two markers of this command; the figure is written beside it. Default: the plan's.
        only: parts of the plan, or "page"; all by default.
        arms, folds: arms of these parts and numbers of folds that are run; all by default.
        workers: trainings at a time, which share the cores.
        resamples: of the bootstraps.

    Raises:
        UserError: a wrong plan, part, arm or fold, no page or one without markers, or trainings that failed; the others
            are stored then.
    """
    plan = read_plan(plan_file, work)
    page = page or (ROOT / plan.content["page"] if "page" in plan.content else None)
    chosen = only or [*plan.parts, PAGE]
    if unknown := sorted(set(chosen) - {*plan.parts, PAGE}):
        raise UserError(f"{plan_file} has no part '{unknown[0]}': choose from {', '.join([*plan.parts, PAGE])}.")
    _check_chosen(plan, [part for part in plan.parts if part in chosen] or [*plan.parts], arms, folds)
    if PAGE in chosen:
        if page is None:
            raise UserError(f"{plan_file} names no page: add 'page' to it, or give --page.")
        text_with_markers(page, COMMAND)  # a page that cannot be written to is refused before the trainings
    for part in plan.parts:  # also what a killed run has finished, so that the page shows it
        collect(plan, part, results)
        take_stored_starts(plan, part, results)
    for part in (name for name in plan.parts if name in chosen):
        left = pending(plan, part, results)
        cells = [c for c in left if c.arm in (arms or [c.arm]) and (folds is None or c.fold in folds)]
        if not cells:
            continue
        for name, table in plan.parts[part].get("subjects", {}).items():
            gather(table, plan.gathered(part) / name)
        ensure_simulated(tuple(plan.arm(cells[0])["overlays"]), plan.keys(cells[0]))
        for folds in ([None], sorted({cell.fold for cell in cells})):
            which = {fold: "all folds" if fold is None else f"fold {fold}" for fold in folds if plan.starts(part, fold)}
            starts = [
                (f"{part}, shared trainings, {name}", train_starts, (plan, part, fold, results))
                for fold, name in which.items()
            ]
            run_all(starts, workers)
        tasks = [(cell.name, run_cell, (plan, cell)) for cell in cells]
        run_all(tasks, workers, after=lambda part=part: collect(plan, part, results))
    if PAGE in chosen:
        lines = study_lines(plan, results, Path(page).with_suffix(".png"), resamples)
        fill_between_markers(page, COMMAND, lines)


def _check_chosen(plan: Plan, parts: list[str], arms: list[str] | None, folds: list[int] | None) -> None:
    """Refuse an arm that none of the parts has, and a fold."""
    known_arms = [arm for part in parts for arm in plan.parts[part]["arms"]]
    known_folds = [fold for part in parts for fold in plan.folds(part)]
    for what, given, known in (("arm", arms, known_arms), ("fold", folds, known_folds)):
        if unknown := [name for name in given or () if name not in known]:
            choices = ", ".join(map(str, dict.fromkeys(known)))
            raise UserError(f"The parts {', '.join(parts)} have no {what} '{unknown[0]}': choose from {choices}.")
