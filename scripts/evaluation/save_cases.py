# SPDX-License-Identifier: Apache-2.0
"""Handler that measures an evaluator's segmentations and writes cases.csv, summary.json and evaluation.png."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ignite.engine import Engine, Events
from monai.data.utils import affine_to_spacing
from scripts.common.errors import UserError
from scripts.common.files import free_path, remove_leftovers
from scripts.common.metrics import case_measures
from scripts.common.sequences import REGIONS, subset_name
from scripts.data.splits import patient_of
from scripts.evaluation.figures import evaluation_figure
from scripts.evaluation.summary import ENTROPY, append_cases, is_cases, is_summary, read_cases, write_summary

# Files of an evaluation.
RESULTS = ("cases.csv", "summary.json", "evaluation.png")

logger = logging.getLogger(__name__)


class SaveCases:
    """Measure every network's segmentation of every subject and save the results under ``output_dir``.

    Attach it to a MONAI evaluator that decollates. After each iteration it takes from every item (its output or batch
    dictionary) the subject's name (``subject``), the true regions (``label``, a MetaTensor whose affine gives the voxel
    size) and each network's regions (under the network's name). All regions are binary (3, X, Y, Z) in the scan's own
    grid. If present, it also takes ``patient`` and ``<network>_entropy_bits`` (`scripts.inference.quality.Entropyd`). It
    adds their rows to ``cases.csv``, so an evaluation that is killed keeps its measurements. At the end it makes
    ``summary.json`` and ``evaluation.png`` from that file, and puts each network's mean Dice into ``state.metrics``
    (``student_dice``, ``student_wt``, ...), where MONAI's federated client reads them. The files of an earlier
    evaluation are removed at the start; files of the same names that no evaluation has written are renamed.

    Args:
        output_dir: folder of the three files, made if missing.
        network_sequences: sequences that each network sees, by its name, for example
            ``{"teacher": ["t1", "t1ce", "t2", "flair"], "student": ["t1ce", "flair"]}``; any number of networks.
        settings: facts of the run for summary.json (JSON values): checkpoints, spacing, seed, ...; its ``warnings``, a
            list of sentences, are also logged at the end.
        seed: of the bootstrap.

    Raises:
        ValueError: no network.
        UserError: an unknown sequence; in an iteration, a subject without a label map.
    """

    def __init__(
        self, output_dir, network_sequences: Mapping[str, Sequence[str]], settings: Mapping | None = None, seed: int = 0
    ) -> None:
        if not network_sequences:
            raise ValueError("network_sequences is empty: name at least one, such as {'student': ['flair', 't1ce']}.")
        self.output_dir = Path(output_dir)
        self.subsets = {network: subset_name(sequences) for network, sequences in network_sequences.items()}
        self.settings = dict(settings or {})
        self.seed = seed
        self.measured = False

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.measure)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        """Remove the results of an earlier run, so that they are not mistaken for results of this one."""
        self.measured = False
        remove_leftovers(self.output_dir)
        earlier = [self.output_dir / name for name in RESULTS if (self.output_dir / name).exists()]
        ours = _made_by_an_evaluation(earlier)
        for path in ours:
            path.unlink()
        for path in (path for path in earlier if path not in ours):
            to = free_path(path.with_stem(f"{path.stem}_other"))
            path.rename(to)
            logger.warning(f"{path} is of no evaluation: it is kept as {to.name}.")
        if ours:
            names = ", ".join(path.name for path in ours)
            logger.warning(f"{self.output_dir} holds an earlier evaluation, whose {names} are replaced.")

    def measure(self, engine: Engine) -> None:
        """Add this iteration's subjects to cases.csv; a scan that could not be read has no output and is left out."""
        if not engine.state.output:
            return
        rows = []
        for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
            item = {**batch, **output}
            subject, truth = item["subject"], item.get("label")
            if truth is None:
                raise UserError(f"Subject {subject} has no label map and cannot be evaluated: use inference for it.")
            spacing_mm = affine_to_spacing(truth.affine).tolist()
            truth = truth.numpy(force=True)
            for network, subset in self.subsets.items():
                case = {"subject": subject, "patient": patient_of(item), "network": network, "sequences": subset}
                measures = case_measures(item[network].numpy(force=True), truth, spacing_mm)
                measures[REGIONS.index("wt")][ENTROPY] = item.get(f"{network}_entropy_bits")
                rows += [case | row for row in measures]
        append_cases(self.output_dir / "cases.csv", rows)
        self.measured = True

    def finish(self, engine: Engine) -> None:
        """Write summary.json and evaluation.png from cases.csv, as `scripts.evaluation.summary` does."""
        if not self.measured:
            logger.warning("No subject could be measured, so there is no summary.")
            return
        cases = read_cases(self.output_dir / "cases.csv")
        summary = write_summary(self.output_dir / "summary.json", cases, self.settings, self.seed)
        evaluation_figure(cases, self.output_dir / "evaluation.png")
        for network, result in summary["networks"].items():
            dices = ", ".join(f"{region} {result['regions'][region]['dice']['mean']:.3f}" for region in REGIONS)
            subjects = result["regions"]["mean"]["dice"]["n"]
            means = {region: float(measures["dice"]["mean"]) for region, measures in result["regions"].items()}
            engine.state.metrics |= {f"{network}_{region}": means[region] for region in REGIONS}
            engine.state.metrics[f"{network}_dice"] = means["mean"]
            logger.info(f"{network} ({result['sequences']}), mean Dice of {subjects} subjects: {dices}")
        logger.info(f"cases.csv, summary.json and evaluation.png are in {self.output_dir}")
        for sentence in self.settings.get("warnings", ()):
            logger.warning(sentence)


def _made_by_an_evaluation(paths: list[Path]) -> list[Path]:
    """Those of `RESULTS` that an evaluation has written; a figure is taken for one beside another such file."""
    checks = {"cases.csv": is_cases, "summary.json": is_summary}
    tables = {path for path in paths if path.name in checks and checks[path.name](path)}
    return [path for path in paths if path in tables or (tables and path.name not in checks)]
