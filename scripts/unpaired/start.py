# SPDX-License-Identifier: Apache-2.0
"""The weights that an unpaired training starts from."""

import logging
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.weights import load_weights, student_file
from scripts.networks.initialise import RANDOM
from scripts.unpaired.networks import UnpairedNetworks

logger = logging.getLogger(__name__)


def load_unpaired_start(
    networks: UnpairedNetworks, start_from: str | None, sequences: dict[str, str], spacing: float, provenance: dict
) -> None:
    """Fill every segmentor, in place, with the weights of one sequence; translators and discriminators start random.

    Args:
        networks: of the recipe.
        start_from: a folder with ``model_flair.pt`` of the target's sequence, or else the source's, or such a file; None
            for random weights.
        sequences: of ``source`` and ``target``.
        spacing: voxel size in mm.
        provenance: gets what each segmentor starts from as ``starts_from``.

    Raises:
        UserError: no such weights, or others than this network's.
    """
    start = RANDOM
    if start_from is not None:
        path, sequence = _file(Path(start_from), sequences)
        for network in networks.segmentors.values():
            load_weights(network, path, (sequence,), spacing)
        start = str(path)
    provenance["starts_from"] = dict.fromkeys(networks.segmentors, start)
    logger.info("%s start from %s; %s", ", ".join(networks.segmentors), start, networks.loss_text())


def _file(start: Path, sequences: dict[str, str]) -> tuple[Path, str]:
    names = {student_file((sequences[domain],)): sequences[domain] for domain in ("target", "source")}
    if start.suffix == ".pt":
        return start, names.get(start.name, sequences["source"])
    found = [(start / name, sequence) for name, sequence in names.items() if (start / name).is_file()]
    if not found:
        raise UserError(
            f"{start} has neither {' nor '.join(names)}: train one with configs/no_distillation.json, or leave "
            "--start_from out."
        )
    return found[0]
