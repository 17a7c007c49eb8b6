# SPDX-License-Identifier: Apache-2.0
"""Choose the limits of `scripts.inference.enhancement.et_by_contrast` by cross-validation on real subjects.

``python -m scripts.research.et_limits --work output/weights --folds fold1 fold2`` measures the stored any-subset networks
of these folds (`scripts.research.train_weights`) on the subjects that they have not seen, for every pair of limits. The
limits are those whose gain in ET's Dice has the largest lower end of its 95% interval. Their gain is told on the
subjects of each fold with the limits that the other folds choose.
"""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from monai.bundle import ConfigParser
from scripts.common.errors import UserError, install_error_hook
from scripts.common.files import ROOT, save_text
from scripts.common.labels import NestedRegionsd
from scripts.common.metrics import dice, voxel_ml
from scripts.common.namings import patient_of_subject
from scripts.common.sequences import REGIONS, ordered, subset_name
from scripts.evaluation.bootstrap import bootstrap_interval, paired_difference
from scripts.inference.enhancement import T1CE, et_by_contrast
from scripts.inference.scan_grid import ToScanGridd
from scripts.networks.initialise import load_trained_weights
from scripts.research.accuracy.evaluation import COLLECTIONS, collection_of
from scripts.research.markdown import difference, markdown_table, number
from scripts.research.runs import PLANS, configs
from scripts.research.train_weights import read_run

# Choices of sequences with T1ce that are measured.
SUBSETS = ("t1ce", "t1ce+t2", "t1ce+flair", "t1+t1ce+t2+flair")
NEVER = np.inf
LIMITS = list(itertools.product((-NEVER, 0.0, 0.25, 0.5, 1.0), (1.0, 1.5, 2.0, 2.5, 3.0, NEVER)))
COLUMNS = ["fold", "subject", "sequences", "stays", "becomes", "dice"]


def measure(networks: Path, keys: dict, fold: str, overlays: tuple[str, ...] = ()) -> pd.DataFrame:
    """Dice of ET with each pair of limits, a row for each subject of the test part and each of `SUBSETS`.

    Args:
        networks: folder of ``any_subset.pt``.
        keys: config keys: data set, split and spacing.
        fold: its name.
        overlays: configs whose keys are among them.

    Raises:
        UserError: a subject that cannot be used.
    """
    parser = ConfigParser()
    parser.read_config(configs("any_subset", *overlays, "evaluate"))
    parser.update(keys | {"ckpt_dir": str(networks), "student_subsets": [list(ordered(subset)) for subset in SUBSETS]})
    network, inferer, data = (parser.get_parsed_content(key) for key in ("distiller", "inferer", "validate#dataset"))
    load_trained_weights(network, str(networks), parser.get_parsed_content("spacing"), None)
    network.eval()
    rows = []
    for item in data:
        if "error" in item:
            raise UserError(item["error"])
        truth, t1ce = (np.asarray(item[key]) for key in ("label", T1CE))
        for name, own in network.networks().items():
            probabilities = inferer(network.network_input(name, item["image"][None]), own)[0]
            regions = NestedRegionsd("pred")(ToScanGridd("pred")({"pred": probabilities}))["pred"]
            ml, regions = voxel_ml(regions.affine), regions.numpy(force=True)
            for stays, becomes in LIMITS:
                found = et_by_contrast(regions, t1ce, ml, stays, becomes)
                score = dice(found, truth[REGIONS.index("et")] > 0)
                rows.append((fold, item["subject"], subset_name(ordered(name)), stays, becomes, score))
    return pd.DataFrame(rows, columns=COLUMNS)


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Gain of each pair of limits over none, a row for each (fold, subject): means over the choices of sequences."""
    wide = table.pivot_table(index=["fold", "subject"], columns=["stays", "becomes"], values="dice")
    return wide.sub(wide[(-NEVER, NEVER)], axis=0)


def best(own: pd.DataFrame, resamples: int = 10_000) -> tuple[float, float]:
    """The limits whose gain has the largest lower end of its 95% interval over patients.

    Raises:
        UserError: there are fewer than two patients, so that there is no interval.
    """
    patients = _patients(own)
    if len(set(patients)) < 2:
        raise UserError("Limits are chosen on two patients or more of the other folds: give more folds with --folds.")
    low, _ = bootstrap_interval(own.to_numpy(), resamples=resamples, patients=patients)
    return own.columns[int(np.argmax(low))]


def chosen_by_others(own: pd.DataFrame, resamples: int = 10_000) -> pd.Series:
    """The gain of each subject with the limits that the subjects of the other folds choose."""
    folds = own.index.get_level_values("fold")
    parts = [own.loc[folds == fold, best(own[folds != fold], resamples)] for fold in folds.unique()]
    return pd.concat(parts)


def lines(table: pd.DataFrame, resamples: int = 10_000) -> list[str]:
    """The chosen limits; mean gain of each pair; the gain by cross-validation."""
    own = gains(table)
    means = own.mean().unstack()
    head = ["ET stays above", *(f"core becomes ET above {_limit(column)}" for column in means.columns)]
    rows = [[_limit(row), *(number(value, "+.3f") for value in means.loc[row])] for row in means.index]
    stays, becomes = best(own, resamples)
    honest = chosen_by_others(own, resamples)
    told = []
    collections = honest.index.get_level_values("subject").map(collection_of)
    for name, group in {"all": honest, **{name: honest[collections == name] for name in COLLECTIONS}}.items():
        found = paired_difference(group, np.zeros(len(group)), 0, resamples, _patients(group)) if len(group) else None
        told += [f"{name} {difference(found)}"] if found else []
    return [
        *markdown_table(head, rows),
        "",
        f"Chosen: {_limit(stays)} and {_limit(becomes)}. Gain with the limits that the other folds choose: {', '.join(told)}.",
    ]


def _limit(value: float) -> str:
    return "never" if np.isinf(value) else f"{value:g}"


def _patients(own: pd.DataFrame | pd.Series) -> Sequence[str]:
    return [patient_of_subject(subject) for subject in own.index.get_level_values("subject")]


def main(arguments: list[str] | None = None) -> None:
    """Measure the limits, or read what was measured, and print which are chosen and what they gain."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.et_limits", description=main.__doc__)
    parser.add_argument(
        "--plan", default=str(PLANS / "weights.json"), help="plan of the networks (default: weights.json)"
    )
    parser.add_argument("--work", help="folder of their trainings; its subjects and splits are made if missing")
    parser.add_argument("--folds", nargs="+", help="folds whose networks are stored, such as fold1")
    parser.add_argument("--stage", type=int, default=1, help="stage of the any-subset network (default 1)")
    parser.add_argument("--results", default=str(ROOT / "docs" / "results"), help="folder of the stored networks")
    parser.add_argument("--table", default=str(ROOT / "docs" / "results" / "et_limits.csv"), help="what is measured")
    options = parser.parse_args(arguments)
    if options.work:
        run = read_run(options.plan, options.work, options.results)
        tables = []
        for fold in options.folds or [name for name in run.names if name.startswith("fold")]:
            keys = run.keys(fold) | run.test_keys(fold)
            tables.append(measure(run.stored(fold, options.stage), keys, fold, run.overlays))
        save_text(options.table, pd.concat(tables).to_csv(index=False, float_format="%.4f"))
    print("\n".join(lines(pd.read_csv(options.table))))


if __name__ == "__main__":
    install_error_hook()
    main()
