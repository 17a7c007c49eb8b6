# SPDX-License-Identifier: Apache-2.0
"""The handlers that keep each subject for the report as it is done, and write the page at the end."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ignite.engine import Engine, Events

from scripts.common.errors import ScanError
from scripts.common.sequences import SEQUENCES, ordered
from scripts.report.__main__ import write_report
from scripts.report.drawing import draw_missing, keep_segmented, scans_of
from scripts.report.evaluation import drawn_networks, main_network
from scripts.report.overlay import picture
from scripts.report.parts import forget, write_part
from scripts.report.run import make_room, read_run, write_run


class _Report:
    """What both reports have in common: failed subjects, and the page at the end.

    Args:
        output_dir: ``report.html`` goes there, what it is made of into ``report/``.
        subjects: datalist items with the paths of the scans, which are read again for the pictures.
        facts: what the reader must know of the run, any values.
        when: what the page says of the time of the run; nothing by default, so that its bytes repeat.
    """

    kind = ""

    def __init__(self, output_dir, subjects: Iterable[Mapping], facts: Mapping | None = None, when: str | None = None):
        self.output_dir = Path(output_dir)
        self.parts = self.output_dir / "report"
        self.items = {item["subject"]: item for item in subjects}
        self.facts = dict(facts or {})
        self.when = when

    def attach(self, engine: Engine) -> None:
        """Called by MONAI for each entry of ``val_handlers``."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.keep)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        raise NotImplementedError

    def keep(self, engine: Engine) -> None:
        """Keep this iteration's subjects, done or not."""
        self._keep_failed(engine)
        for batch, output in zip(engine.state.batch, engine.state.output) if engine.state.output else ():
            self.keep_subject({**batch, **output})

    def keep_subject(self, item: Mapping) -> None:
        raise NotImplementedError

    def finish(self, engine: Engine) -> None:
        """Write the page from what was kept."""
        self._keep_failed(engine)
        write_report(self.output_dir, self.when)

    def _keep_failed(self, engine: Engine) -> None:
        for subject, sentence in getattr(engine, "failures", {}).items():
            if subject not in self.failed:
                write_part(self.parts, {"subject": subject, "failed": sentence})
                self.failed.add(subject)


class ReportSegmentations(_Report):
    """Report of an inference. Attach it behind `scripts.inference.save_segmentation.SaveSegmentationd`.

    Subjects of an earlier inference into the same folder stay in the report, as their label maps stay in the folder;
    those that it was stopped before drawing are drawn at the end.

    Args:
        sequences: that the network saw, unless ``<subject>_seg.json`` says so; by default those of the item.
        network: what to call the network, unless that file says so.
        expected: file of expected accuracy (`scripts.evaluation.expected`); it need not exist.
        behind: so many subjects at most wait for their picture, which a thread draws while the next ones are segmented;
            0 draws each picture before the run goes on. The page waits for all.
        others: see `_Report`.
    """

    kind = "inference"

    def __init__(
        self, output_dir, subjects, sequences=None, network=None, expected=None, facts=None, when=None, behind=0
    ):
        super().__init__(output_dir, subjects, facts, when)
        self.sequences, self.network, self.expected = sequences, network, expected
        self.behind, self.drawing, self.pool = behind, deque(), None

    def start(self, engine: Engine) -> None:
        """Forget who could not be done in an earlier run: it is tried again."""
        self.failed = set()
        self.drawing.clear()
        self.pool = ThreadPoolExecutor(1, "draw") if self.behind else None
        make_room(self.output_dir, self.kind)
        forget(self.parts, failed_only=True)
        self.items = read_run(self.output_dir)["scans"] | self.items  # subjects that are skipped are not this run's
        write_run(self.output_dir, self.kind, self.facts, self.expected, self.items)

    def keep_subject(self, item: Mapping) -> None:
        """Volumes and picture of one subject from the label map that was saved."""
        scans = self.items.get(item["subject"], {"subject": item["subject"]})
        arguments = (self.output_dir, scans, self.sequences, self.network, item.get("saved"))
        if self.pool is None:
            keep_segmented(*arguments)
        else:
            self.drawing.append(self.pool.submit(keep_segmented, *arguments))
            self._wait_for_drawing(self.behind)

    def finish(self, engine: Engine) -> None:
        """Wait for the last pictures, draw what an earlier run has left, and write the page."""
        self._wait_for_drawing(0)
        if self.pool is not None:
            self.pool.shutdown()
        draw_missing(self.output_dir, self.items)
        super().finish(engine)

    def _wait_for_drawing(self, left: int) -> None:
        """Until at most so many subjects are left; what went wrong in the thread is raised here."""
        while len(self.drawing) > left:
            self.drawing.popleft().result()


class ReportEvaluation(_Report):
    """Report of an evaluation. Attach it behind `scripts.evaluation.save_cases.SaveCases`, which measures.

    Args:
        networks: key of each network's maps, with the sequences that it sees. At most four of them are drawn
            (`scripts.report.evaluation.drawn_networks`).
        others: see `_Report`.
    """

    kind = "evaluation"

    def __init__(self, output_dir, subjects, networks: Mapping[str, Sequence[str]], facts=None, when=None):
        super().__init__(output_dir, subjects, facts, when)
        self.networks = {name: networks[name] for name in drawn_networks(networks)}
        first = main_network(networks)
        self.sequences = [s for s in SEQUENCES if any(s in ordered(seen) for seen in self.networks.values())]
        unseen = f"not seen by {first}"
        self.notes = {name: unseen for name in self.sequences if name not in ordered(networks[first])}

    def start(self, engine: Engine) -> None:
        """Forget the subjects of an earlier run, as cases.csv does."""
        self.failed = set()
        make_room(self.output_dir, self.kind)
        forget(self.parts)
        write_run(self.output_dir, self.kind, self.facts, scans=read_run(self.output_dir)["scans"])

    def keep_subject(self, item: Mapping) -> None:
        """Picture of one subject with the contours of truth and networks."""
        subject = item["subject"]
        maps = {name: np.asarray(item[name].numpy(force=True)) > 0.5 for name in self.networks}
        truth = np.asarray(item["label"].numpy(force=True)) > 0.5
        try:
            images, affine = scans_of(self.items[subject], self.sequences)
        except (KeyError, ScanError):
            write_part(self.parts, {"subject": subject}, '<p class="small">No picture: the scans were not found.</p>')
            return
        write_part(self.parts, {"subject": subject}, picture(subject, images, affine, maps, truth, self.notes))
