# SPDX-License-Identifier: Apache-2.0
"""Write the accuracy page from stored results: ``python -m scripts.research.accuracy``.

Writes ``docs/accuracy.md``, the tables of the model card ``docs/README.md`` between its two markers,
``models/expected.json`` for the HTML reports, and ``eval_metrics`` of ``configs/metadata.json``.
"""

import argparse
from pathlib import Path

from scripts.common.errors import install_error_hook
from scripts.common.files import ROOT, save_text
from scripts.common.json_files import read_json, save_json
from scripts.common.titles import OUTERMOST_FIRST
from scripts.common.versions import metadata
from scripts.evaluation.expected import weights_beside, write_expected
from scripts.research.accuracy.evaluation import COLLECTIONS, Evaluation
from scripts.research.accuracy.page import TITLES, accuracy_page, card_tables
from scripts.research.accuracy.peers import read_peers
from scripts.research.accuracy.tables import HEADLINE
from scripts.research.markdown import fill_between_markers

COMMAND = "scripts.research.accuracy"


def write_accuracy(root: str | Path = ROOT, results: str | Path | None = None, resamples: int = 10_000) -> None:
    """Write page, tables of the model card, expected accuracy and metrics; the same results give the same bytes.

    Args:
        root: bundle root, with ``docs/README.md``, ``docs/peers.json``, ``configs/inference.json`` and
            ``configs/metadata.json``.
        results: folder of ``real_kfold.csv`` and ``simulated.csv`` (default: ``docs/results``).
        resamples: of the bootstraps.

    Raises:
        UserError: a file is missing or wrong; nothing is written then.
    """
    root = Path(root)
    results = Path(results or root / "docs" / "results")
    evaluations = {name: Evaluation(results / "real_kfold.csv", name, resamples=resamples) for name in COLLECTIONS}
    evaluations["simulated"] = Evaluation(results / "simulated.csv", resamples=resamples)
    inference = read_json(root / "configs" / "inference.json")
    limits = {key: inference[key] for key in ("wt_range_ml", "max_entropy")}
    page = accuracy_page(evaluations, read_peers(root / "docs" / "peers.json"), limits)
    facts = metadata(root) | {"eval_metrics": eval_metrics(evaluations)}
    fill_between_markers(root / "docs" / "README.md", COMMAND, card_tables(evaluations))
    save_text(root / "docs" / "accuracy.md", page)
    save_json(root / "configs" / "metadata.json", facts)
    expected = [
        (f"{each.size}: {TITLES[name]}, without et_by_contrast", each.cases) for name, each in evaluations.items()
    ]
    table = root / "models" / "expected.json"
    write_expected(table, expected, weights_beside(table))


def eval_metrics(evaluations: dict[str, Evaluation]) -> dict[str, float]:
    """Mean Dice of T1ce + FLAIR, such as ``gli_dice_wt``."""
    return {
        f"{name.lower()}_dice_{region}": round(float(evaluation.measure(HEADLINE, region)["mean"]), 3)
        for name, evaluation in evaluations.items()
        for region in OUTERMOST_FIRST
    }


def main(arguments: list[str] | None = None) -> None:
    """Write docs/accuracy.md and what else is made of the stored results."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="bundle root with docs, configs and models")
    parser.add_argument("--results", type=Path, help="folder of the results (default: docs/results of the root)")
    options = parser.parse_args(arguments)
    write_accuracy(options.root, options.results)


if __name__ == "__main__":
    install_error_hook()
    main()
