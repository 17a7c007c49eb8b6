# SPDX-License-Identifier: Apache-2.0
"""The handler that turns an evaluator's segmentations into cases.csv, summary.json and a figure."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from ignite.engine import Engine, Events
from monai.data.utils import affine_to_spacing

from scripts.common.errors import UserError
from scripts.common.metrics import case_measures
from scripts.common.sequences import REGIONS, subset_name
from scripts.evaluation.figures import evaluation_figure
from scripts.evaluation.summary import ENTROPY, read_cases, write_cases, write_summary

RESULTS = ("cases.csv", "summary.json", "evaluation.png")
"""What an evaluation writes."""

logger = logging.getLogger(__name__)


class SaveCases:
    """Measure every network's segmentation of every subject and keep the results under ``output_dir``.

    Attach it to a MONAI evaluator that decollates. After each iteration it takes, for every item, the subject's name
    (``subject``), the binary region maps of the truth (``label``, a MetaTensor whose affine gives the voxel size) and
    of each network (under the network's name), all (3, X, Y, Z) in the scan's own grid, and, if they are there, the
    networks' ``<name>_entropy_bits`` (`scripts.inference.quality.Entropyd`), from the item's output or batch dictionary, and
    replaces ``cases.csv`` by one that has the new subjects too: a killed evaluation keeps what it has measured. At the
    end ``summary.json`` and ``evaluation.png`` are made from that file. Those of an earlier evaluation are removed at
    the start.

    Args:
        output_dir: folder of the three files, made if it is missing.
        networks: key of each network's maps, with the sequences that it sees, for example
            ``{"teacher": ["t1", "t1ce", "t2", "flair"], "student": ["t1ce", "flair"]}``.
        settings: what the reader of summary.json must know of the run (JSON values): checkpoints, spacing, seed, ...
        seed, resamples: of the bootstrap.

    Raises:
        ValueError: without any network.
        UserError: for an unknown sequence; in an iteration, for a subject without a label map.
    """

    def __init__(
        self,
        output_dir,
        networks: Mapping[str, Sequence[str]],
        settings: Mapping | None = None,
        seed: int = 0,
        resamples: int = 10_000,
    ) -> None:
        if not networks:
            raise ValueError("networks must name at least one network, such as {'student': ['flair', 't1ce']}.")
        self.output_dir = Path(output_dir)
        self.networks = {name: subset_name(sequences) for name, sequences in networks.items()}
        self.settings = dict(settings or {})
        self.seed, self.resamples = seed, resamples
        self.rows: list[dict] = []

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.measure)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        """Forget the results of an earlier run into the folder, so that they are not taken for this one's."""
        self.rows = []
        earlier = [self.output_dir / name for name in RESULTS if (self.output_dir / name).exists()]
        for path in earlier:
            path.unlink()
        if earlier:
            names = ", ".join(path.name for path in earlier)
            logger.warning(f"{self.output_dir} has an earlier evaluation: its {names} are replaced by this one's.")

    def measure(self, engine: Engine) -> None:
        """Add the rows of this iteration's subjects to cases.csv; a bad scan (`scripts.data.scan_dataset`) has no output."""
        if not engine.state.output:
            return
        for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
            item = {**batch, **output}
            subject, truth = item["subject"], item.get("label")
            if truth is None:
                raise UserError(f"Subject {subject} has no label map, so it can't be evaluated: use inference for it.")
            spacing_mm = affine_to_spacing(truth.affine).tolist()
            truth = truth.numpy(force=True)
            for network, sequences in self.networks.items():
                about = {"subject": subject, "network": network, "sequences": sequences}
                measures = case_measures(item[network].numpy(force=True), truth, spacing_mm)
                measures[REGIONS.index("wt")][ENTROPY] = item.get(f"{network}_entropy_bits")
                self.rows += [about | row for row in measures]
        write_cases(self.output_dir / "cases.csv", self.rows)

    def finish(self, engine: Engine) -> None:
        """Write summary.json and evaluation.png from the file, so that `scripts.evaluation.summary` gives the same numbers."""
        if not self.rows:
            logger.warning("No subject could be measured, so there is no summary.")
            return
        cases = read_cases(self.output_dir / "cases.csv")
        summary = write_summary(self.output_dir / "summary.json", cases, self.settings, self.seed, self.resamples)
        evaluation_figure(cases, self.output_dir / "evaluation.png")
        for network, result in summary["networks"].items():
            dices = ", ".join(f"{region} {result['regions'][region]['dice']['mean']:.3f}" for region in REGIONS)
            subjects = result["regions"]["mean"]["dice"]["n"]
            logger.info(f"{network} ({result['sequences']}), mean Dice of {subjects} subjects: {dices}")
        logger.info(f"cases, summary and figure are in {self.output_dir}")
