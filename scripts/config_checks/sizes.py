# SPDX-License-Identifier: Apache-2.0
"""Refuses sizes of patches, windows and networks that cannot be, or that do not go together."""

import math
import os

from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import terms_of, value_of

# Keys that are lists of positive whole numbers, and how many; None for three and more: a network of two levels has no
# deep supervision.
SIZES = {"window": 3, "patch_size": 3, "filters": None, "teacher_filters": None}


def check_sizes(parser: ConfigParser, config: dict) -> None:
    """Refuse other values of `SIZES` than lists of positive whole numbers.

    Raises:
        UserError: naming the key, its value and what it must be.
    """
    for key, count in SIZES.items():
        if key not in config:
            continue
        sizes = value_of(parser, key)
        whole = isinstance(sizes, (list, tuple)) and all(type(size) is int and size > 0 for size in sizes)
        if not whole or (len(sizes) != count if count else len(sizes) < 3):
            several = "a list such as [16, 32, 64], with a number for each of at least three levels"
            wanted = f"{count} whole numbers such as {[64] * count}" if count else several
            raise UserError(f"{key} is {sizes!r}, but must be {wanted}.")


def check_multiples(parser: ConfigParser, config: dict) -> None:
    """Refuse a patch or window that the network's levels cannot halve.

    Raises:
        UserError: naming the key, its value and sizes that can be.
    """
    filters = [value_of(parser, key) for key in ("filters", "teacher_filters") if key in config]
    factor = 2 ** (max((len(sizes) for sizes in filters if isinstance(sizes, (list, tuple))), default=1) - 1)
    for key in ("patch_size", "window"):
        sizes = value_of(parser, key) if key in config else []
        if any(size % factor for size in sizes):
            raise UserError(
                f"{key} is {list(sizes)}, but must be multiples of {factor}, as the network has {factor.bit_length()} "
                f"levels: choose for example {[max(round(size / factor), 1) * factor for size in sizes]}."
            )


def check_latent_voxels(parser: ConfigParser, config: dict) -> None:
    """Refuse a training whose Barlow Twins has too few latent voxels at the bottleneck, before a cohort is simulated.

    `scripts.losses.barlow_twins.BarlowTwins` refuses it in the first step, and on other layers, too.

    Raises:
        UserError: naming the keys of the patch and of the channels.
    """
    if "train" not in config or "evaluating" in config:
        return
    for name, term in terms_of(config).items():
        loss = term.get("loss")
        if not isinstance(loss, dict) or not str(loss.get("_target_")).endswith(".BarlowTwins"):
            continue
        key = f"objective#terms#{name}#loss"
        wanted = ("layer", "project_dim", "channels")
        layer, width, channels = (value_of(parser, f"{key}#{each}") if each in loss else None for each in wanted)
        if layer != "bottleneck" or term.get("weight") == 0:
            continue
        patch, filters = value_of(parser, "patch_size"), value_of(parser, "filters")
        processes = int(os.environ.get("WORLD_SIZE") or 1)
        step = 2 ** (len(filters) - 1)
        voxels = math.prod(size // step for size in patch) * value_of(parser, "batch_size") * processes
        if voxels < 4 * (width or channels):
            raise UserError(
                f"patch_size {list(patch)} gives Barlow Twins {voxels} latent voxels for {width or channels} channels, but it "
                f"needs four times as many voxels as channels: use larger patches or batches, or set --{key}#project_dim to "
                f"{voxels // 4} or less."
            )
