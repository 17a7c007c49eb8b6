# SPDX-License-Identifier: Apache-2.0
"""The four sequences: their order, their names in files, and subsets of them."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path

from scripts.common import namings
from scripts.common.errors import UserError
from scripts.common.formats import without_other_ending

# Channel order of the teacher's input.
SEQUENCES = ("t1", "t1ce", "t2", "flair")

# Channel order of every network's output: tumour core, whole tumour, enhancing tumour (nested: et in tc in wt).
REGIONS = ("tc", "wt", "et")

SEPARATORS = "-_."
# What a name may say before or after a T1, in lower case and without separators: `post_Gd` is `postgd`.
_CONTRAST = re.compile(
    r"(?P<without>pre|non?|without|wo|ohne|sans)?(?:post|with|plus|after|mit|nach)?"
    r"(?:ce|gd|gad|gado\w*|km|contrast(?:agent|enhanced)?|kontrast(?:mittel)?|"
    r"dotarem|clariscan|prohance|multihance|magnevist|omniscan)"
)
# Words that alone before a T1 may mean the contrast agent or something else, such as an operation.
_UNCLEAR = ("post", "enhanced")
# Names of a T1 that say that it is without contrast.
_NATIVE = ("t1n", "t1pre")
# Words between a scan that was moved and what it was moved to: `flair_in_t1` is the flair.
_MOVED = ("to", "in", "on")
# The same, but they may also end a subject's name: `S1_reg_t1` and `S_2_t1` are t1.
_MAYBE_MOVED = ("reg", "coreg", "space", "2")
# A number that ends the name of a repeat: `t1_2`, `t1_run-2`, `t1 (1)`.
_REPEAT = re.compile(
    rf"(.*?[^{SEPARATORS} ])[{SEPARATORS} ]+(?:run|rep)?[{SEPARATORS}]?\(?\d{{1,2}}\)?", re.IGNORECASE | re.DOTALL
)
# Letters that SPM puts before the name of a file that it has made.
_SPM = re.compile(r"[rwmsu]{1,3}(.+)")
_MAYBE = {"t1": {"t1", "t1ce"}, "mprage": {"t1", "t1ce"}, "spgr": {"t1", "t1ce"}, "flair": {"flair"}}


def sequence_of_name(name: str) -> str | None:
    """The sequence that one name such as `T1w`, `t1gd` or `FLAIR` means, `label` for a label map, None if unknown."""
    return namings.sequence_by_alias().get(re.sub(rf"[{SEPARATORS} ]", "", name).lower())


def nifti_stem(filename: str) -> str | None:
    """File name without `.nii` or `.nii.gz`, None for any other file."""
    match = re.fullmatch(r"(.+)\.nii(\.gz)?", filename, flags=re.IGNORECASE | re.DOTALL)
    return match[1] if match else None


def sequence_of_folder(name: str) -> str | None:
    """The sequence that a folder is named after, with or without a number before it: `T1CE` and `2_T1GD` are t1ce."""
    return sequence_of_name(re.sub(rf"^\d+[{SEPARATORS} ]+", "", name))


def parse_filename(filename: str, subjects: Collection[str] = ()) -> tuple[str, str] | None:
    """Split a NIfTI file name into (prefix, sequence or `label`); None if it names no sequence and no label map.

    The sequence is at the end of the name, in upper or lower case: `BraTS-GLI-00005-000-t2f.nii.gz` is
    (`BraTS-GLI-00005-000`, `flair`), `flair.nii.gz` is (``, `flair`). A contrast agent directly before or after the
    sequence belongs to it: `sub_T1_Gd.nii` and `sub_Gd_T1.nii` are (`sub`, `t1ce`), `GD_001_t1.nii.gz` is
    (`GD_001`, `t1`). So does a word that denies it: `sub_no_Gd_T1.nii` is (`sub`, `t1`). `sub_post_T1.nii` is not
    understood, since it may be a T1 after an operation. The prefix of a BIDS name is its subject and session, and its
    other entities may name a contrast agent: `sub-01_ses-2_ce-gadolinium_run-1_T1w.nii.gz` is (`sub-01_ses-2`, `t1ce`).
    A registered scan, `sub_flair_to_t1ce.nii` or `sub_flair_in_t1ce.nii`, is what was moved: (`sub`, `flair`). Any
    other name with a second sequence before the first, `sub_t1ce_minus_t1.nii`, is not understood.

    Args:
        filename: without its folders.
        subjects: names that subjects may have. The end of such a name is not read as a contrast agent: with `S_CE`
            among them `S_CE_t1.nii.gz` is (`S_CE`, `t1`), without it (`S`, `t1ce`). Nor is a word in it a sequence.
    """
    stem = nifti_stem(filename)
    return None if stem is None else _parse_stem(stem, subjects)


def _parse_stem(stem: str, subjects: Collection[str]) -> tuple[str, str] | None:
    for naming in namings.NAMINGS:
        match = re.fullmatch(naming.file, stem, re.IGNORECASE) if naming.file else None
        if match and (name := _meaning(re.split(rf"[{SEPARATORS}]", match[3]))):
            contrast = naming.contrast_agent and re.search(naming.contrast_agent, match[2], re.IGNORECASE)
            return match[1], "t1ce" if name == "t1" and contrast else name
    tokens = re.split(rf"[{SEPARATORS}]", stem)
    readings = []
    for count in range(min(5, len(tokens)), 0, -1):  # the longest first: `Gd_T1_w`, `t1_ce` and `T2-FLAIR` are one name
        words = tokens[-count:]
        if name := _meaning(words):
            prefix = stem[: len(stem) - len("".join(words)) - count + 1].rstrip(SEPARATORS)
            before = tokens[-count - 1].lower() if prefix else ""
            if prefix in subjects or not (_is_plain_t1(words) and before in _UNCLEAR):
                readings.append((prefix, name))
    if not readings:
        return None
    if readings[0][1] in ("t1", "t1ce"):  # of subjects that are known, the one with the longest name
        readings.sort(key=lambda reading: -len(reading[0]) if reading[0] in subjects else 0)
    prefix, name = readings[0]
    if prefix in subjects:
        return prefix, name
    moving = re.fullmatch(rf"(.+)[{SEPARATORS}]({'|'.join(_MOVED + _MAYBE_MOVED)})", prefix, re.IGNORECASE | re.DOTALL)
    word = moving[2].lower() if moving else ""
    if name == "label":  # it may be named after the scan that it was drawn on; a scan that was moved to it is odd
        return None if word in _MOVED else (prefix, name)
    moved = _parse_stem(moving[1].rstrip(SEPARATORS), subjects) if moving else None
    if moved or word in _MOVED:
        if word == "space" and moved[1] == "t2" and name == "flair":
            return None  # `t2_space_flair` may also be the FLAIR of Siemens' sequence SPACE
        return moved
    if any(map(_sequence, re.split(rf"[{SEPARATORS}]", prefix))):
        return None
    return prefix, name


def parse_files(paths: Iterable[Path]) -> dict[Path, tuple[str, str]]:
    """`parse_filename` of files that lie together, without those that name no sequence.

    A contrast agent is part of the subject's name if another file has the same prefix or a folder above the same name:
    beside `S_CE_flair.nii.gz`, or in a folder `S_CE`, `S_CE_t1.nii.gz` is the t1. So is `post`, which alone before a
    T1 is not understood otherwise.
    """
    paths = list(paths)
    understood = filter(None, (parse_filename(path.name) for path in paths))
    subjects = {prefix for prefix, _ in understood}
    subjects |= {part for folder in {path.parent for path in paths} for part in folder.parts}
    return {path: found for path in paths if (found := parse_filename(path.name, subjects))}


def _meaning(words: list[str]) -> str | None:
    """The sequence (or `label`) that the words mean together, such as `t1`, `ce`, or `no`, `Gd`, `T1w`."""
    for count in range(min(3, len(words) - 1), 0, -1):  # of the words for the contrast agent
        for agent, others in ((words[:count], words[count:]), (words[-count:], words[:-count])):
            contrast = _CONTRAST.fullmatch("".join(agent).lower())
            if contrast and _is_plain_t1(others):
                return "t1" if contrast["without"] else "t1ce"
    return sequence_of_name("".join(words)) if len(words) <= 3 else None


def _is_plain_t1(words: list[str]) -> bool:
    """Whether the words mean t1 and say nothing of contrast."""
    name = "".join(words).lower()
    return len(words) <= 2 and sequence_of_name(name) == "t1" and name not in _NATIVE


def _sequence(name: str) -> str | None:
    """The sequence that one name means, None also for a label map."""
    meaning = sequence_of_name(name)
    return meaning if meaning in SEQUENCES else None


def possible_sequences(filename: str) -> set[str]:
    """The sequences that a file may be if its name has a sequence in it, but is not understood.

    `S1_t1ce_mprage.nii.gz` may be the t1ce, `S1_MPRAGE_GD.nii.gz` t1 or t1ce, `S1_mask.nii.gz` none. A folder before
    the name counts too: `T1CE/scan.nii.gz` may be the t1ce. So does a name in another format: `S1_t1ce.mha`, and what
    SPM has made: `rflair.nii.gz`.
    """
    stem = nifti_stem(filename) or without_other_ending(filename)
    if stem is None or parse_filename(filename):
        return set()
    tokens = re.split(rf"[{SEPARATORS} /]", stem.lower())
    pairs = ["".join(pair) for pair in zip(tokens, tokens[1:])]
    known = {name for part in pairs + tokens if (name := _sequence(part))}
    known |= {name for token in tokens if (made := _SPM.fullmatch(token)) and (name := _sequence(made[1]))}
    if "t1ce" in known:
        known.discard("t1")  # `t1_ce` is the t1ce alone
    if known == {"t1"} and any(token in _UNCLEAR or _CONTRAST.fullmatch(token) for token in tokens):
        return {"t1", "t1ce"}
    return known or set().union(*(may for start, may in _MAYBE.items() for token in tokens if token.startswith(start)))


def repeated_sequence(filename: str) -> str | None:
    """The sequence of a file that its name calls a repeat, `S1_t1_2.nii.gz` or `S1_t1_run-2.nii.gz`; None of others."""
    stem = nifti_stem(filename)
    repeat = None if stem is None or parse_filename(filename) else _REPEAT.fullmatch(stem)
    name = (_parse_stem(repeat[1], ()) or ("", None))[1] if repeat else None
    return name if name in SEQUENCES else None


def names_in(modalities: str | Iterable[str] | None) -> list[str]:
    """The names, in lower case, of a list or of one text such as `flair`, `flair,t1ce` or `['flair', 't1ce']`."""
    names = re.split(r"[,+\s]+", modalities.strip("[]() ")) if isinstance(modalities, str) else modalities or ()
    return [name for name in (str(each).strip("'\" ").lower() for each in names) if name]


def ordered(modalities: str | Iterable[str]) -> tuple[str, ...]:
    """The chosen sequences in the order of the teacher's input.

    Args:
        modalities: any non-empty subset of t1, t1ce, t2, flair: a list, or one text such as `flair` or `flair,t1ce`.

    Raises:
        UserError: nothing chosen, an unknown name (the nearest valid one is proposed), or one named twice.
    """
    names = names_in(modalities)
    if not names:
        raise UserError(f"No sequence was chosen: give at least one of {', '.join(SEQUENCES)}.")
    for name in names:
        if name not in SEQUENCES:
            near = namings.sequence_by_alias().get(name) or next(iter(get_close_matches(name, SEQUENCES, 1)), None)
            hint = f"did you mean '{near}'? " if near in SEQUENCES else ""
            raise UserError(f"'{name}' is not a sequence: {hint}Choose from {', '.join(SEQUENCES)}.")
    twice = [name for name in SEQUENCES if names.count(name) > 1]
    if twice:
        raise UserError(f"The sequence '{twice[0]}' is named twice in {', '.join(names)}: name each once.")
    return tuple(name for name in SEQUENCES if name in names)


def channels_of(sequences: str | Iterable[str]) -> list[int]:
    """Channel indices of the chosen sequences in the teacher's input, ascending."""
    return [SEQUENCES.index(name) for name in ordered(sequences)]


def subset_name(sequences: str | Iterable[str]) -> str:
    """Name of a subset of sequences in file names and tables, such as `t1ce+flair`."""
    return "+".join(ordered(sequences))


def subset_order(name: str) -> tuple:
    """Sort key of a `subset_name`: few sequences first, then the order of the teacher's input."""
    names = name.split("+")
    return len(names), tuple(SEQUENCES.index(name) for name in names)


def limited_subsets() -> list[tuple[str, ...]]:
    """All 14 subsets of one to three of the four sequences, the smallest first."""
    return [subset for size in range(1, len(SEQUENCES)) for subset in combinations(SEQUENCES, size)]
