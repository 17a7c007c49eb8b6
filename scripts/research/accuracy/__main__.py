# SPDX-License-Identifier: Apache-2.0
"""How accurate the fifteen networks are, made from stored results: ``python -m scripts.research.accuracy``.

Writes docs/accuracy.md, the part of the model card between its two markers, models/expected.json, which the HTML
reports show, and ``eval_metrics`` of configs/metadata.json.
"""

import argparse
import json
from pathlib import Path

from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import save_atomically
from scripts.evaluation.expected import write_expected
from scripts.report.overlay import OUTERMOST_FIRST
from scripts.research.accuracy.cases import Evaluation
from scripts.research.accuracy.enhancement import enhancement_section
from scripts.research.accuracy.flags import shipped
from scripts.research.accuracy.page import accuracy_page, shown
from scripts.research.accuracy.peers import read_peers
from scripts.research.accuracy.tables import SHOWCASE

RESULTS, PEERS = "docs/results", "docs/peers.json"
PAGE, CARD, EXPECTED = "docs/accuracy.md", "docs/README.md", "models/expected.json"
METADATA = "configs/metadata.json"
BEGIN = "<!-- from here made by python -m scripts.research.accuracy -->"
END = "<!-- to here made by python -m scripts.research.accuracy -->"
MADE_BY = "run `python -m scripts.research.train_weights`, which trains, measures and writes it"
"""How every file of the results is made."""
NAMES = ("simulated", "real_kfold", "real_seen", "real_unseen_training")
"""Of these files; the last one may be absent."""
ENHANCING = {
    "simulated": "Held-out simulated subjects",
    "real_seen": "Real subjects that the networks have been trained on",
}
"""Evaluations that may be there once more as ``<name>_enhancing.csv``: ET only where it enhances; their headings."""


def _fill_card(card: Path, lines: list[str]) -> None:
    """Replace what stands between the markers of the model card."""
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UserError(
            f"{card} must have the line '{BEGIN}' once, and after it '{END}': put them where the tables go."
        )
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    text = before + "\n".join([BEGIN, "", *lines, "", END]) + after
    save_atomically(card, lambda file: file.write_text(text, encoding="utf-8"))


def eval_metrics(evaluations: dict[str, Evaluation]) -> dict[str, float]:
    """Mean Dice of the headline setting, T1ce + FLAIR, such as ``real_kfold_dice_wt``."""
    return {
        f"{name}_dice_{region}": round(float(evaluations[name].measure(SHOWCASE, region)["mean"]), 3)
        for name in ("real_kfold", "simulated")
        for region in OUTERMOST_FIRST
    }


def write_accuracy(
    results=RESULTS,
    peers=PEERS,
    page=PAGE,
    card=CARD,
    expected=EXPECTED,
    metadata=METADATA,
    seed: int = 0,
    resamples: int = 10_000,
) -> None:
    """Write page, model card's part, table for the reports and metrics: the same results give the same bytes.

    Args:
        results: folder of simulated.csv, real_kfold.csv, real_seen.csv and, where it was measured,
            real_unseen_training.csv, each a cases.csv of fifteen networks, and, where they were measured, those of
            `ENHANCING`.
        peers: published numbers, see `scripts.research.accuracy.peers`.
        page: markdown file to write.
        card: model card, changed between its markers only.
        expected: JSON file to write, see `scripts.evaluation.expected`.
        metadata: the bundle's metadata, changed in its ``eval_metrics`` only.
        seed, resamples: of the bootstraps.

    Raises:
        UserError: a file is missing or not what it should be; nothing has been written then.
    """
    results, page, card = Path(results), Path(page), Path(card)
    names = [name for name in NAMES if name != NAMES[-1] or (results / f"{name}.csv").is_file()]
    evaluations = {name: Evaluation(results / f"{name}.csv", MADE_BY, seed, resamples) for name in names}
    simulated, real = evaluations["simulated"], evaluations["real_kfold"]
    about = json.loads(Path(metadata).read_text(encoding="utf-8")) | {"eval_metrics": eval_metrics(evaluations)}
    enhancing = {
        heading: (evaluations[name], Evaluation(results / f"{name}_enhancing.csv", MADE_BY, seed, resamples))
        for name, heading in ENHANCING.items()
        if (results / f"{name}_enhancing.csv").is_file()
    }
    section = enhancement_section(enhancing, shipped("et_least_contrast")["et_least_contrast"])
    text = accuracy_page(evaluations, read_peers(peers), shipped("wt_range_ml", "max_entropy"), section)
    _fill_card(card, shown(simulated, real))
    save_atomically(page, lambda file: file.write_text(text, encoding="utf-8"))
    save_atomically(Path(metadata), lambda file: file.write_text(json.dumps(about, indent=4) + "\n", encoding="utf-8"))
    by_folds = f"{real.subjects} real BraTS 2021 subjects, by cross-validation: networks trained like this one"
    held_out = f"{simulated.subjects} simulated subjects, none trained on"
    write_expected(expected, [(by_folds, real.cases), (held_out, simulated.cases)])


def main(arguments: list[str] | None = None) -> None:
    """Write docs/accuracy.md, the model card's part and models/expected.json from the stored results."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.accuracy", description=main.__doc__)
    parser.add_argument("--results", default=RESULTS, help=f"folder of the results (default {RESULTS})")
    parser.add_argument("--peers", default=PEERS, help=f"published numbers (default {PEERS})")
    parser.add_argument("--page", default=PAGE, help=f"the page (default {PAGE})")
    parser.add_argument("--card", default=CARD, help=f"the model card (default {CARD})")
    parser.add_argument("--metadata", default=METADATA, help=f"the bundle's metadata (default {METADATA})")
    parser.add_argument("--expected", default=EXPECTED, help=f"the table of the reports (default {EXPECTED})")
    write_accuracy(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    install_error_hook()
    main()
