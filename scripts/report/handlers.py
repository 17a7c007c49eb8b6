# SPDX-License-Identifier: Apache-2.0
"""The handlers that write a subject's part of the report as soon as it is done, and the page at the end."""

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ignite.engine import Engine, Events
from scripts.common.errors import ScanError, UserError, user_message
from scripts.common.printable import PAGE
from scripts.common.sequences import SEQUENCES, ordered
from scripts.report.drawing import draw_subject, load_scans
from scripts.report.evaluation_page import networks_to_draw
from scripts.report.folder import draw_folder, mark_failed
from scripts.report.page import write_report
from scripts.report.parts import forget_failures, remove_parts, write_part
from scripts.report.picture import SLICES, picture
from scripts.report.run_info import read_run, set_aside_other_report, write_run

logger = logging.getLogger(__name__)


class _ReportHandler:
    """What both reports have in common: failed subjects, and the page at the end.

    Args:
        output_dir: ``report.html`` goes there, its parts into ``report/``.
        subjects: datalist items with the paths of the scans, which are read again for the pictures.
        facts: settings of the run that the page lists, any values.
        slices: see `scripts.report.picture.picture`.
    """

    def __init__(
        self, output_dir, subjects: Iterable[Mapping], facts: Mapping | None = None, slices: int = SLICES
    ) -> None:
        self.output_dir = Path(output_dir)
        self.parts = self.output_dir / "report"
        self.items = {item["subject"]: item for item in subjects}
        self.facts = dict(facts or {})
        self.slices = slices
        self.failed: set[str] = set()
        self.given_up = False

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.STARTED, self._without_ending_the_run, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._without_ending_the_run, self.add_subjects)
        engine.add_event_handler(Events.COMPLETED, self._without_ending_the_run, self.finish)

    def _without_ending_the_run(self, engine: Engine, step) -> None:
        """Do a step of the report. After a full disk or a bad file there is no report, but the run goes on."""
        if self.given_up:
            return
        try:
            step(engine)
        except (UserError, OSError, MemoryError) as error:
            self.given_up = True
            reason = user_message(error) or str(error) or "there is not enough memory."
            logger.warning("The report was not finished: %s Make it again with python -m scripts.report.", reason)

    def start(self, engine: Engine) -> None:
        raise NotImplementedError

    def add_subjects(self, engine: Engine) -> None:
        """Write the parts of this iteration's subjects and of those that failed."""
        self._add_failed(engine)
        for batch, output in zip(engine.state.batch, engine.state.output) if engine.state.output else ():
            self.add_subject({**batch, **output})

    def add_subject(self, item: Mapping) -> None:
        raise NotImplementedError

    def finish(self, engine: Engine) -> None:
        """Write the page."""
        self._add_failed(engine)
        write_report(self.output_dir)

    def _add_failed(self, engine: Engine) -> None:
        for subject, sentence in getattr(engine, "failures", {}).items():
            if subject not in self.failed:
                self.add_failed(subject, sentence)
                self.failed.add(subject)

    def add_failed(self, subject: str, sentence: str) -> None:
        """Write the part of a subject that failed."""
        write_part(self.parts, {"subject": subject, "failed": sentence})


class ReportSegmentations(_ReportHandler):
    """Report of an inference. Attach it behind `scripts.inference.table.WriteTable`.

    Each label map is drawn when `scripts.inference.save_segmentation.SaveImageAndRecordd` has saved it. The rest is done
    at the end, by `scripts.report.folder.draw_folder`: subjects of an earlier inference into the folder stay in the
    report, as their label maps stay in the folder, also if they fail in this run. So do subjects that failed then and
    are not in this run, as they stay in the table. Label maps whose picture a stopped run has not drawn are drawn. One
    that cannot be drawn is a failed subject.

    Args:
        expected: file of expected accuracy (`scripts.evaluation.expected`); it may be missing.
        behind: how many subjects may wait for their picture, which a thread draws while the next ones are segmented;
            with 0 each picture is drawn before the run goes on. The page waits for all.
        others: see `_ReportHandler`.
    """

    def __init__(self, output_dir, subjects, expected=None, facts=None, behind: int = 0, slices: int = SLICES) -> None:
        super().__init__(output_dir, subjects, facts, slices)
        self.expected, self.behind, self.drawing, self.pool = expected, behind, deque(), None

    def start(self, engine: Engine) -> None:
        """Set the report of an evaluation aside, write the run, and forget the failures of subjects that it tries."""
        self.failed.clear()
        self.drawing.clear()
        self.pool = ThreadPoolExecutor(1, "draw") if self.behind else None
        set_aside_other_report(self.output_dir, "inference")
        forget_failures(self.parts, self.items)
        # with --existing skip, the subjects of this run lack those that are done
        self.items = read_run(self.output_dir)["scans"] | self.items
        write_run(self.output_dir, "inference", self.facts, self.expected, self.items, self.slices)

    def add_subject(self, item: Mapping) -> None:
        """Write the part of one subject from the label map that was saved."""
        scans = self.items.get(item["subject"], {"subject": item["subject"]})
        if self.pool is None:
            draw_subject(self.output_dir, scans, slices=self.slices)
        else:
            self.drawing.append(self.pool.submit(draw_subject, self.output_dir, scans, slices=self.slices))
            self._wait_for_drawing(self.behind)

    def add_failed(self, subject: str, sentence: str) -> None:
        """Add the failure to the part of an earlier run, if its label map lies in the folder."""
        mark_failed(self.output_dir, subject, sentence)

    def finish(self, engine: Engine) -> None:
        """Wait for the last pictures, bring all parts up to date with label maps and table, and write the page."""
        self._wait_for_drawing(0)
        if self.pool is not None:
            self.pool.shutdown()
        draw_folder(self.output_dir)
        write_report(self.output_dir)

    def _wait_for_drawing(self, limit: int) -> None:
        """Wait until at most so many subjects are left; an error in the thread is raised here."""
        while len(self.drawing) > limit:
            self.drawing.popleft().result()


class ReportEvaluation(_ReportHandler):
    """Report of an evaluation. Attach it behind `scripts.evaluation.save_cases.SaveCases`, which measures.

    Args:
        network_sequences: the sequences that each network sees, by the key of its maps. Which networks are drawn:
            `scripts.report.evaluation_page.networks_to_draw`.
        others: see `_ReportHandler`.
    """

    def __init__(
        self, output_dir, subjects, network_sequences: Mapping[str, Sequence[str]], facts=None, slices: int = SLICES
    ) -> None:
        super().__init__(output_dir, subjects, facts, slices)
        self.networks = networks_to_draw(network_sequences)
        self.seen = {name: ordered(network_sequences[name]) for name in self.networks}
        self.sequences = [name for name in SEQUENCES if any(name in sequences for sequences in self.seen.values())]

    def start(self, engine: Engine) -> None:
        """Remove the subjects of an earlier run, as `SaveCases` does in cases.csv."""
        self.failed.clear()
        set_aside_other_report(self.output_dir, "evaluation")
        remove_parts(self.parts)
        write_run(
            self.output_dir, "evaluation", self.facts, scans=read_run(self.output_dir)["scans"], slices=self.slices
        )

    def add_subject(self, item: Mapping) -> None:
        """Write the part of one subject: a picture with the contours of truth and networks."""
        subject = item["subject"]
        regions = {name: np.asarray(item[name].numpy(force=True)) > 0.5 for name in (*self.networks, "label")}
        truth = regions.pop("label")
        try:
            images, affine = load_scans(self.items[subject], self.sequences)
        except (KeyError, ScanError):
            html = '<p class="small">No picture: the scans were not found.</p>'
        else:
            html = picture(subject, images, affine, regions, truth, self.seen, self.slices)
        write_part(self.parts, {"subject": subject}, html)


class ForgetReport:
    """Where an evaluation writes no report, remove that of an earlier one, whose pictures and settings are others.

    Args:
        output_dir: folder of both.
    """

    def __init__(self, output_dir) -> None:
        self.output_dir = Path(output_dir)

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.STARTED, self.forget)

    def forget(self, engine: Engine) -> None:
        """Remove parts, ``run.json`` and page of an evaluation. A page of anything else stays."""
        run = self.output_dir / "report" / "run.json"
        if not run.is_file() or read_run(self.output_dir)["kind"] != "evaluation":
            return
        remove_parts(self.output_dir / "report")
        for path in (run, self.output_dir / PAGE):
            path.unlink(missing_ok=True)
        logger.warning(f"{self.output_dir} holds the report of an earlier evaluation, which is removed.")
