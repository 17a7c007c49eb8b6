"""Every recipe's distillation terms are measured at their full weight, and the table goes into the page."""

import json

from scripts.research import recipe_ratios
from scripts.research.markdown import markers
from scripts.research.recipe_ratios import COMMAND, RECIPES, distillation_terms, main, measure
from tiny import TINY


def test_every_recipe_has_a_distillation_term():
    assert set(distillation_terms(None)) == {"barlow_twins"}
    assert set(distillation_terms("kd_net")) == {"soft_targets", "latent_kl"}
    assert all(distillation_terms(recipe) for recipe in RECIPES)


def test_a_term_with_a_ramp_is_measured_at_its_full_weight(cohort):
    keys = {key: TINY[key] for key in ("spacing", "filters", "patch_size", "device")} | {"simulated#folder": cohort}
    keys |= {f"simulated#{part}": TINY[f"simulated#{part}"] for part in ("training", "validation", "test")}
    ratios = measure("mutual", "t1", 2, keys | {"amp": False})
    assert 0 < ratios["mutual"] < 100


def test_table_has_a_row_for_each_term(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe_ratios, "measure", lambda recipe, subset, steps, keys: {"latent_kl": 0.25 * steps})
    page = tmp_path / "page.md"
    page.write_text("\n".join(markers(COMMAND)))
    main(["--page", str(page), "--steps", "2", "--keys", json.dumps({"seed": 1})])
    assert "| kd_net | `latent_kl` | 1.5 | 0.50 | 0.50 |" in page.read_text()
    assert "| kd_net | `soft_targets` | 0.08 | – | – |" in page.read_text()
