# SPDX-License-Identifier: Apache-2.0
"""Run the study, resumable, and write its page: ``python -m scripts.research.study --workers 2``.

``--only real`` runs one part of the plan, ``--only page`` writes the page from the stored results.
"""

import argparse
import json
from pathlib import Path

import torch

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT, save_atomically
from scripts.research.markdown import fill_between_markers
from scripts.research.runs import PLANS, ensure_simulated, evaluate_once, run_all, train_once
from scripts.research.study.page import study_lines
from scripts.research.study.plan import Cell, Plan, read_plan
from scripts.research.study.results import FACTS, collect, pending

COMMAND = "scripts.research.study"
PAGE = "page"
"""Name, beside those of the plan's parts, of writing the page."""


def train_shared(plan: Plan, part: str, fold: int) -> None:
    """Run the shared trainings of a part on a fold, in order."""
    for name, entry in plan.parts[part].get("shared", {}).items():
        train_once(tuple(entry["overlays"]), plan.shared(part, fold) / name, plan.shared_keys(part, fold, name))


def run_cell(plan: Plan, cell: Cell) -> None:
    """Train and evaluate one cell."""
    output, overlays = plan.output(cell), tuple(plan.arm(cell)["overlays"])
    seconds = train_once(overlays, output, plan.keys(cell))
    evaluate_once(overlays, output / "evaluation", plan.evaluation_keys(cell))
    record = json.loads(
        next(path for path in sorted(output.glob("*.json")) if path.with_suffix(".pt").is_file()).read_text()
    )
    facts = {
        "steps": record["epochs"] * record["steps_per_epoch"],
        "seconds": seconds,
        "cores": torch.get_num_threads(),
    }
    save_atomically(output / FACTS, lambda file: file.write_text(json.dumps(facts)))


def run_study(
    plan_file: str | Path,
    work: str | Path,
    results: str | Path,
    page: str | Path,
    only: list[str] | None = None,
    workers: int = 2,
    resamples: int = 10_000,
) -> None:
    """Run what is left of a study, and write its page.

    Args:
        plan_file: see `scripts.research.study.plan.Plan`.
        work: folder of the trainings.
        results: folder of the tables.
        page: markdown file with the two markers of this command; the figure is written beside it.
        only: parts of the plan, or "page"; all by default.
        workers: trainings at a time, which share the cores.
        resamples: of the bootstraps.

    Raises:
        UserError: a wrong plan or part, or trainings that failed; the others are stored then.
    """
    plan = read_plan(plan_file, work)
    chosen = only or [*plan.parts, PAGE]
    if unknown := sorted(set(chosen) - {*plan.parts, PAGE}):
        raise UserError(f"{plan_file} has no part '{unknown[0]}': choose from {', '.join([*plan.parts, PAGE])}.")
    for part in (name for name in plan.parts if name in chosen):
        collect(plan, part, results)
        cells = pending(plan, part, results)
        if not cells:
            continue
        ensure_simulated(plan.keys(cells[0]))
        folds = sorted({cell.fold for cell in cells})
        run_all(
            [(f"{part}, shared trainings, fold {fold}", train_shared, (plan, part, fold)) for fold in folds], workers
        )
        try:
            run_all([(cell.name, run_cell, (plan, cell)) for cell in cells], workers)
        finally:
            collect(plan, part, results)
    if PAGE in chosen:
        lines = study_lines(plan, results, Path(page).with_suffix(".png"), resamples)
        fill_between_markers(page, COMMAND, lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the study and write docs/study.md."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=main.__doc__)
    parser.add_argument("--plan", default=str(PLANS / "study.json"), help="JSON file (default: plans/study.json)")
    parser.add_argument("--work", default=str(ROOT / "output" / "study"), help="folder of the trainings")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="folder of the tables")
    parser.add_argument("--page", default=str(ROOT / "docs" / "study.md"), help="page (default: docs/study.md)")
    parser.add_argument("--only", help="parts of the plan, or page, separated by commas (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    options = parser.parse_args(arguments)
    only = options.only.split(",") if options.only else None
    run_study(options.plan, options.work, options.results, options.page, only, options.workers)


if __name__ == "__main__":
    install_error_hook()
    main()
