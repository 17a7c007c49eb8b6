# SPDX-License-Identifier: Apache-2.0
"""How strongly each distillation term acts on the student, measured while it trains."""

import logging
import statistics

from ignite.engine import Engine, Events
from scripts.networks.teacher_student import NetworkGroup

# The term that the others are compared with, and all that teach labels instead of distilling.
SEGMENTATION = "student_segmentation"
OF_LABELS = (SEGMENTATION, "teacher_segmentation")

logger = logging.getLogger(__name__)


class GradientRatios:
    """Measures the gradient of each distillation term beside that of the segmentation loss.

    The ratio is the norm of the gradient of the weighted term for all parameters of the student, over that of its
    weighted segmentation loss. A term below about 0.05 teaches nothing; one far above 1 leaves nothing to the labels.
    Each epoch's medians are in the trainer's metrics as ``gradient_<term>``, so that every logger shows them; the
    medians of the run, over all students, are in the provenance as ``gradient_ratios`` and in a line at the end.

    Args:
        networks: whose students are measured.
        every: a student's own steps from one measurement to the next; one costs a backward pass for each term. Where
            students take turns, as many steps in a row are measured as it takes for each to have its turn.
        provenance: gets ``gradient_ratios``. The handler must stand before the one that validates and saves.

    Attributes:
        medians: of the run, by term, for each student in the order of ``networks.student_objectives()``; filled at the
            end of each epoch.
    """

    def __init__(self, networks: NetworkGroup, every: int, provenance: dict) -> None:
        self.networks, self.every, self.provenance = networks, every, provenance
        self.ratios: dict[str, list[float]] = {}
        self.of_epoch: dict[str, list[float]] = {}
        students = len(networks.student_objectives())
        self.of_student: list[dict[str, list[float]]] = [{} for _ in range(students)]
        self.medians: list[dict[str, float]] = [{} for _ in range(students)]

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, lambda engine: self.of_epoch.clear())
        engine.add_event_handler(Events.ITERATION_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._report)
        engine.add_event_handler(Events.COMPLETED, self._log)

    def state_dict(self) -> dict:
        return {"ratios": self.ratios, "of_student": self.of_student}

    def load_state_dict(self, state: dict) -> None:
        self.ratios = state["ratios"]
        self.of_student = state.get("of_student", self.of_student)  # versions up to 0.12 did not keep them

    def _start(self, engine: Engine) -> None:
        in_a_row = self.networks.steps_of_a_round()
        measured = (engine.state.iteration - 1) % (self.every * in_a_row) < in_a_row
        for objective, parameters in self.networks.student_objectives():
            objective.measured = parameters if measured else None

    def _add(self, engine: Engine) -> None:
        for (objective, _), of_student in zip(self.networks.student_objectives(), self.of_student, strict=True):
            norms, objective.gradient_norms = objective.gradient_norms, {}
            for name, norm in norms.items():
                if norm > 0 and norms.get(SEGMENTATION) and name not in OF_LABELS:
                    for ratios in (self.ratios, self.of_epoch, of_student):
                        ratios.setdefault(name, []).append(norm / norms[SEGMENTATION])

    def _report(self, engine: Engine) -> None:
        engine.state.metrics |= {f"gradient_{name}": statistics.median(each) for name, each in self.of_epoch.items()}
        if self.ratios:
            self.provenance["gradient_ratios"] = _medians(self.ratios)
        for medians, ratios in zip(self.medians, self.of_student, strict=True):
            medians.update(_medians(ratios))

    def _log(self, engine: Engine) -> None:
        for name, ratios in self.ratios.items():
            logger.info(
                "The gradient of %s was %.2f times that of the segmentation loss (median of %d measurements, %.2f to "
                "%.2f).",
                *(name, statistics.median(ratios), len(ratios), min(ratios), max(ratios)),
            )


def _medians(ratios: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(statistics.median(each), 3) for name, each in ratios.items()}
