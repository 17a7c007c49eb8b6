# SPDX-License-Identifier: Apache-2.0
"""Networks that later trainings start from, stored in float16 beside the results.

Machines and what lies on them are lost, and a plan takes longer than one of them is there. What is run later then starts
from the same weights.
"""

import hashlib
import json
from pathlib import Path

from scripts.common.files import copy_file
from scripts.research.publish_weights import collect
from scripts.research.runs import train_once


def train_or_take(overlays: tuple[str, ...], output: Path, keys: dict, stored: Path) -> None:
    """Train unless the networks are stored, then take the stored ones: also a run that trains goes on from float16.

    Args:
        overlays, output, keys: see `scripts.research.runs.train_once`.
        stored: folder of the stored networks, whose name tells what they were trained with (`short_hash`).
    """
    if not any(stored.glob("*.pt")):
        train_once(overlays, output, keys)
        collect(output, stored)
    take(stored, output)


def take(stored: Path, output: Path) -> None:
    """Copy stored networks, if there are any, to where the trainings that start from them look."""
    for path in stored.glob("*"):
        copy_file(path, output / path.name)


def short_hash(content) -> str:
    """Eight characters that tell what JSON can hold, such as the entries of a plan, from other content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
