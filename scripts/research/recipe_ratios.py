# SPDX-License-Identifier: Apache-2.0
"""Measure how strongly the distillation terms of each recipe act on a trained student: the table of docs/recipes.md.

``python -m scripts.research.recipe_ratios`` runs a few steps of each recipe from the shipped networks, for two choices
of sequences, and writes the medians of `scripts.training.gradient_ratios`.
"""

import argparse
import json
import tempfile
from pathlib import Path

from monai.bundle import ConfigParser
from scripts.common.errors import install_error_hook
from scripts.common.files import ROOT
from scripts.common.json_files import read_json
from scripts.common.titles import sequences_text
from scripts.research.markdown import fill_between_markers, markdown_table, number
from scripts.research.runs import configs, run_workflow

COMMAND = "scripts.research.recipe_ratios"
RECIPES = ("cosine", "consistency", "mutual", "kd_net", "emkd", "masked", "prototypes", "soft_targets")
SUBSETS = ("t1", "flair")


def distillation_terms(recipe: str | None) -> dict[str, dict]:
    """The entries of a recipe's distillation terms by name; None for the recipe of train.json."""
    parser = ConfigParser()
    parser.read_config(configs(*([recipe] if recipe else [])))
    terms = parser.get("objective")["terms"]
    return {name: term for name, term in terms.items() if term and not name.endswith("_segmentation")}


def measure(recipe: str | None, subset: str, steps: int, keys: dict) -> dict[str, float]:
    """The median ratio of each term of a recipe, at its full weight, over some steps.

    Args:
        recipe: name of an overlay, or None for train.json alone.
        subset: the student's sequences, such as ``t1ce+flair``.
        steps: their number.
        keys: further config keys.
    """
    short = {"bundle_root": str(ROOT), "epochs": 1, "patches_per_epoch": steps, "gradient_ratio_interval": 1}
    short |= {"learning_rate": 1e-5, "student_modalities": subset.split("+")}
    for name in distillation_terms(recipe):
        short |= {f"objective#terms#{name}#ramp": 0.0, f"objective#terms#{name}#start": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        run_workflow(configs(*([recipe] if recipe else [])), "train", short | keys | {"output_dir": folder})
        return read_json(Path(folder) / "model.json").get("gradient_ratios", {})


def ratio_table(steps: int, keys: dict) -> list[str]:
    """A row for each term of each recipe."""
    rows = []
    for recipe in (None, *RECIPES):
        measured = {subset: measure(recipe, subset, steps, keys) for subset in SUBSETS}
        for name, term in distillation_terms(recipe).items():
            cells = [number(measured[subset].get(name), ".2f") for subset in SUBSETS]
            rows.append([recipe or "default", f"`{name}`", f"{term['weight']:g}", *cells])
            print("; ".join(rows[-1]), flush=True)
    return markdown_table(
        ["recipe", "term", "weight", *(f"{sequences_text(subset)} student" for subset in SUBSETS)], rows
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure the gradient ratios of all recipes and write their table."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=main.__doc__)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "recipes.md", help="page with the two markers")
    parser.add_argument("--steps", type=int, default=20, help="steps of each recipe (default 20)")
    parser.add_argument("--keys", type=json.loads, default={}, help='further config keys, such as {"amp": false}')
    options = parser.parse_args(arguments)
    fill_between_markers(options.page, COMMAND, ratio_table(options.steps, options.keys))


if __name__ == "__main__":
    install_error_hook()
    main()
