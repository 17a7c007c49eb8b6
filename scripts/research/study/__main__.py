# SPDX-License-Identifier: Apache-2.0
"""Run a study, resumable, and write its page: ``python -m scripts.research.study --workers 2``.

``--plan FILE`` takes another plan than ``plans/study.json``, ``--only labels_of_half`` runs one part of it, ``--only page``
writes the page from the stored results. ``--arms no_distillation expert_labels --folds 0`` runs these alone.
"""

import argparse
from pathlib import Path

from scripts.common.errors import install_error_hook
from scripts.common.files import ROOT
from scripts.research.runs import PLANS
from scripts.research.study.runner import COMMAND, run_study


def main(arguments: list[str] | None = None) -> None:
    """Run a study and write its page."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=main.__doc__)
    parser.add_argument("--plan", default=str(PLANS / "study.json"), help="JSON file (default: plans/study.json)")
    parser.add_argument("--work", help="folder of the trainings (default: output/<name of the plan>)")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="folder of the tables")
    parser.add_argument("--page", help="page (default: the plan's)")
    parser.add_argument("--only", help="parts of the plan, or page, separated by commas (default: all)")
    parser.add_argument("--arms", nargs="+", help="arms of these parts (default: all)")
    parser.add_argument("--folds", nargs="+", type=int, help="numbers of folds (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time (default 2)")
    options = parser.parse_args(arguments)
    only = options.only.split(",") if options.only else None
    work = options.work or ROOT / "output" / Path(options.plan).stem
    run_study(options.plan, work, options.results, options.page, only, options.arms, options.folds, options.workers)


if __name__ == "__main__":
    install_error_hook()
    main()
