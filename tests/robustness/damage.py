# SPDX-License-Identifier: Apache-2.0
"""Random damage to a NIfTI header and to JSON: what `tests.robustness.fuzz` gives to the bundle.

The same random numbers give the same damage.
"""

import copy
import json
from pathlib import Path
from random import Random

import numpy as np

# Where the numbers of a NIfTI-1 header lie, with their kind.
FIELDS = (
    *((40 + 2 * axis, "<i2") for axis in range(8)),  # dim
    *((70, "<i2"), (72, "<i2"), (108, "<f4"), (112, "<f4"), (116, "<f4")),  # type, bits, offset, slope, intercept
    *((76 + 4 * axis, "<f4") for axis in range(8)),  # pixdim
    *((252, "<i2"), (254, "<i2")),  # codes of qform and sform
    *((256 + 4 * number, "<f4") for number in range(18)),  # qform and sform
    *((0, "<i4"), (123, "<u1"), (344, "<i4")),  # size of the header, units, magic
)
NUMBERS = (0, 1, -1, 2, 3, 7, 64, 348, 512, 1024, 32767, -32768, 1e-30, -2.5, 0.001, 1e6, 1e30, np.nan, np.inf, -np.inf)
TEXTS = (
    *("", ".", "..", "/", "a/b", "a\\b", "a\nb", "\x00", "\udcfc", "x" * 300, "y" * 5000),
    *("t1ce", "flair", "T1w", "ü", "~", "1"),
)
FILES = ("S1_t1.nii.gz", "S1_flair.nii.gz", "S2_t2.nii.gz", "S1_seg.nii.gz")


def value(random: Random, depth: int = 0):
    """A random JSON value, mostly one that somebody may write by mistake."""
    kinds = ["number", "text", "constant", "files"] + (["list", "table"] if depth < 3 else [])
    kind = random.choice(kinds)
    if kind == "number":
        return random.choice(NUMBERS)
    if kind == "text":
        return random.choice(TEXTS)
    if kind == "files":
        return random.choice(FILES)
    if kind == "constant":
        return random.choice((None, True, False, [], {}))
    items = [value(random, depth + 1) for _ in range(random.randint(1, 3))]
    return items if kind == "list" else {random.choice(TEXTS): item for item in items}


def damaged(random: Random, content):
    """The JSON content with one to three of its values replaced, removed or put elsewhere."""
    content = copy.deepcopy(content)
    for _ in range(random.randint(1, 3)):
        inside = content
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not keys:
                break
            key = random.choice(keys)
            if isinstance(inside[key], (dict, list)) and inside[key] and random.random() < 0.7:
                inside = inside[key]
                continue
            if random.random() < 0.15:
                del inside[key]
            elif random.random() < 0.15 and isinstance(inside, dict):
                inside[random.choice(TEXTS)] = inside.pop(key)
            else:
                inside[key] = value(random)
            break
    return content


def write_json(random: Random, path: Path, content) -> None:
    """Write damaged content, sometimes as text that is no JSON, or a folder."""
    way = random.random()
    text = json.dumps(value(random) if way < 0.1 else damaged(random, content)).encode()
    if way > 0.9:
        place = random.randrange(len(text))
        text = (
            text[:place]
            + random.choice((b"", b"\xff", b"[" * 5000, bytes([random.randrange(256)])))
            + text[place + 1 :]
        )
    if way > 0.99:
        path.mkdir()
    else:
        path.write_bytes(text)


def damaged_header(random: Random, content: bytes) -> bytes:
    """A NIfTI-1 file, not compressed, with other numbers in its header, other bytes, or cut."""
    content = bytearray(content)
    for _ in range(random.randint(1, 3)):
        way = random.random()
        if way < 0.75:
            offset, kind = random.choice(FIELDS)
            number = random.choice(NUMBERS) if random.random() < 0.7 else random.uniform(-300, 300)
            size = np.dtype(kind).itemsize
            with np.errstate(all="ignore"):
                content[offset : offset + size] = np.array(number, np.float64).astype(kind).tobytes()
        elif way < 0.9 and len(content) > 352:
            content[random.randrange(352)] = random.randrange(256)
        else:
            del content[random.randrange(len(content)) :]
            content += bytes(352 - len(content)) if len(content) < 352 and random.random() < 0.5 else b""
    return bytes(content)
