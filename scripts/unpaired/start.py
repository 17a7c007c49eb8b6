# SPDX-License-Identifier: Apache-2.0
"""The weights that an unpaired training starts from."""

import logging
from pathlib import Path

from scripts.common.errors import UserError
from scripts.common.weights import load_weights, provenance_of, student_file, weight_files_in
from scripts.networks.initialise import RANDOM
from scripts.unpaired.networks import UnpairedNetworks

logger = logging.getLogger(__name__)


def load_unpaired_start(
    networks: UnpairedNetworks, start_from: str | None, sequences: dict[str, str], spacing: float, provenance: dict
) -> None:
    """Fill every segmentor, in place, with the weights of one sequence; translators and discriminators start random.

    Args:
        networks: of the recipe.
        start_from: a folder with weights of the target's sequence, ``model_flair.pt`` or ``model.pt``, or else of the
            source's, or such a file, whose record tells its sequence; None for random weights.
        sequences: of ``source`` and ``target``.
        spacing: voxel size in mm.
        provenance: gets what each segmentor starts from as ``starts_from``, and the ``loss``.

    Raises:
        UserError: no such weights, or others than this network's.
    """
    start = RANDOM
    if start_from is not None:
        path, sequence = _file(Path(start_from), sequences)
        for network in networks.segmentors.values():
            load_weights(network, path, (sequence,), spacing, "start_from")
        start = str(path)
    provenance |= {"starts_from": dict.fromkeys(networks.segmentors, start), "loss": networks.loss_text()}
    logger.info("%s start from %s; %s", ", ".join(networks.segmentors), start, networks.loss_text())


def _file(start: Path, sequences: dict[str, str]) -> tuple[Path, str]:
    """The weight file, and its sequence."""
    wanted = list(dict.fromkeys(sequences[domain] for domain in ("target", "source")))
    if start.suffix == ".pt":
        names = {student_file((sequence,)): sequence for sequence in wanted}
        seen = provenance_of(start).get("sequences", [names.get(start.name, wanted[0])])
        if seen not in [[sequence] for sequence in wanted]:
            raise UserError(
                f"{start} was trained for {' + '.join(seen)}, but the networks here see {' or '.join(wanted)}: give "
                "--start_from weights of one of these, or leave it out."
            )
        return start, seen[0]
    files = weight_files_in(start)
    for sequence in wanted:
        if (sequence,) in files:
            return Path(files[(sequence,)]), sequence
    raise UserError(
        f"{start} has no weights of {' or '.join(wanted)} alone: train some with configs/no_distillation.json and "
        f"--student_modalities {wanted[0]}, or leave --start_from out."
    )
