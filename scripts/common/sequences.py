# SPDX-License-Identifier: Apache-2.0
"""The one table of what a sequence is: its name, its aliases in the wild, its place in the teacher's input."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path

from scripts.common.errors import UserError

ALIASES = {
    "t1": ("t1", "t1n", "t1w", "t1pre"),
    "t1ce": ("t1ce", "t1c", "t1gd", "t1gad", "t1post", "t1wce", "t1wgd", "cet1", "cet1w", "ct1", "t1+c", "t1km"),
    "t2": ("t2", "t2w"),
    "flair": ("flair", "fla", "t2f", "t2flair", "flairw"),
}
"""What files call each sequence: BraTS 2017-2021, BraTS 2023 and later, MSD, BIDS, UPENN-GBM, UCSF-PDGM, LUMIERE. The
order is the teacher's input."""

SEQUENCES = tuple(ALIASES)
"""Channel order of the teacher's input."""

REGIONS = ("tc", "wt", "et")
"""Channel order of every network's output: tumour core, whole tumour, enhancing tumour (nested: et in tc in wt)."""

MSD_ORDER = ("flair", "t1", "t1ce", "t2")
"""Order along the fourth axis of MSD Task01_BrainTumour (its dataset.json: FLAIR, T1w, t1gd, T2w)."""

LABEL_ALIASES = ("seg", "segm", "label", "labels", "tumorsegmentation", "manuallycorrected")
"""What files call the label map. One BraTS 2020 subject (355) has it as `W39_1998.09.19_Segm.nii`; the TCGA collections
as `<subject>_GlistrBoost_ManuallyCorrected.nii.gz`."""

SEPARATORS = "-_."
_NAMES = {alias: name for name, aliases in ALIASES.items() for alias in aliases} | dict.fromkeys(LABEL_ALIASES, "label")
_CONTRAST_AGENT = {"ce", "gd", "gad", "gadolinium"}
_BIDS = re.compile(r"(sub-[^_]+(?:_ses-[^_]+)?)((?:_[a-z]+-[^_]+)*)_(.+)", re.IGNORECASE)
_BIDS_CONTRAST = re.compile(r"_ce-(?!no|pre)|_acq-(?:[^_]*(?:post|gd|gad)|ce(?:_|$))", re.IGNORECASE)
_MAYBE = {"t1": {"t1", "t1ce"}, "mprage": {"t1", "t1ce"}, "spgr": {"t1", "t1ce"}, "flair": {"flair"}}


def sequence_of_name(name: str) -> str | None:
    """The sequence that one name such as `T1w`, `t1gd` or `FLAIR` means, `label` for a label map, None if unknown."""
    return _NAMES.get(re.sub(rf"[{SEPARATORS} ]", "", name).lower())


def nifti_stem(filename: str) -> str | None:
    """File name without `.nii` or `.nii.gz`, None for any other file."""
    match = re.fullmatch(r"(.+)\.nii(\.gz)?", filename, flags=re.IGNORECASE)
    return match[1] if match else None


def sequence_of_folder(name: str) -> str | None:
    """The sequence that a folder is called after, perhaps behind a number: `T1CE` and `2_T1GD` are t1ce."""
    return sequence_of_name(re.sub(rf"^\d+[{SEPARATORS} ]+", "", name))


def parse_filename(filename: str, subjects: Collection[str] = ()) -> tuple[str, str] | None:
    """Split a NIfTI file name into (what stands before the sequence, sequence or `label`); None if it names neither.

    Only the end of the name counts, whatever its case: `BraTS-GLI-00005-000-t2f.nii.gz` is
    (`BraTS-GLI-00005-000`, `flair`), `flair.nii.gz` is (``, `flair`). A contrast agent belongs to the sequence where it
    stands directly before or after it: `sub_T1_Gd.nii` and `sub_Gd_T1.nii` are (`sub`, `t1ce`), `GD_001_t1.nii.gz` is
    (`GD_001`, `t1`). Of a BIDS name only subject and session stay, and a contrast agent is seen in whichever entity
    names it: `sub-01_ses-2_ce-gadolinium_run-1_T1w.nii.gz` is (`sub-01_ses-2`, `t1ce`).

    Args:
        filename: without its folders.
        subjects: names that subjects may have. What such a name ends in is no contrast agent: with `S_CE` among them
            `S_CE_t1.nii.gz` is (`S_CE`, `t1`), without (`S`, `t1ce`).
    """
    stem = nifti_stem(filename)
    if stem is None:
        return None
    bids = _BIDS.fullmatch(stem)
    name = _meaning(re.split(rf"[{SEPARATORS}]", bids[3])) if bids else None
    if name:
        return bids[1], "t1ce" if name == "t1" and _BIDS_CONTRAST.search(bids[2]) else name
    tokens = re.split(rf"[{SEPARATORS}]", stem)
    readings = []
    for count in range(min(3, len(tokens)), 0, -1):  # the longest first: `Gd_T1_w`, `t1_ce` and `T2-FLAIR` are one name
        if name := _meaning(tokens[-count:]):
            before = stem[: len(stem) - len("".join(tokens[-count:])) - count + 1].rstrip(SEPARATORS)
            readings.append((before, name))
    if readings and readings[0][1] == "t1ce":
        readings.sort(key=lambda reading: not (reading[1] == "t1" and reading[0] in subjects))
    return readings[0] if readings else None


def parse_files(paths: Iterable[Path]) -> dict[Path, tuple[str, str]]:
    """What `parse_filename` says of files that lie together; those that name no sequence are left out.

    A contrast agent that ends what another of the files, too, begins with, or the name of a folder above, is a part of
    the subject's name: beside `S_CE_flair.nii.gz`, or in a folder `S_CE`, `S_CE_t1.nii.gz` is the t1.
    """
    parsed = {path: parse_filename(path.name) for path in paths}
    subjects = {before for before, _ in filter(None, parsed.values())} | {
        part for folder in {path.parent for path in parsed} for part in folder.parts
    }
    return {path: parse_filename(path.name, subjects) for path, understood in parsed.items() if understood}


def _meaning(words: list[str]) -> str | None:
    """The sequence (or `label`) that the words mean together, such as `t1`, `ce`, or `Gd`, `T1w`."""
    for agent, others in ((words[0], words[1:]), (words[-1], words[:-1])):
        if agent.lower() in _CONTRAST_AGENT and sequence_of_name("".join(others)) == "t1":
            return "t1ce"
    return sequence_of_name("".join(words))


def possible_sequences(filename: str) -> set[str]:
    """The sequences that a NIfTI file may be whose name has one in it, but not at the end.

    `S1_t1ce_mprage.nii.gz` may be the t1ce, `S1_MPRAGE_GD.nii.gz` t1 or t1ce, `S1_mask.nii.gz` none. The folder may
    tell: `T1CE/scan.nii.gz` may be the t1ce.
    """
    stem = nifti_stem(filename)
    if stem is None or parse_filename(filename):
        return set()
    tokens = re.split(rf"[{SEPARATORS} /]", stem.lower())
    pairs = ["".join(pair) for pair in zip(tokens, tokens[1:])]
    known = {name for name in map(sequence_of_name, pairs + tokens) if name in SEQUENCES}
    if len(known) > 1 and "t1" in known:
        known.discard("t1")  # `t1_ce` is the t1ce alone
    return known or set().union(*(may for token in tokens for start, may in _MAYBE.items() if token.startswith(start)))


def ordered(modalities: str | Iterable[str]) -> tuple[str, ...]:
    """The chosen sequences in the teacher's order, without aliases.

    Args:
        modalities: any non-empty choice of t1, t1ce, t2, flair: a list, or one text such as `flair` or `flair,t1ce`.

    Raises:
        UserError: nothing chosen, an unknown name (the nearest valid one is proposed), or one named twice.
    """
    names = re.split(r"[,+\s]+", modalities.strip("[]() ")) if isinstance(modalities, str) else list(modalities or ())
    names = [str(name).strip("'\" ").lower() for name in names if str(name).strip("'\" ")]
    if not names:
        raise UserError(f"No sequence was chosen: give at least one of {', '.join(SEQUENCES)}.")
    for name in names:
        if name not in SEQUENCES:
            near = _NAMES.get(name) or next(iter(get_close_matches(name, SEQUENCES, 1)), None)
            hint = f"did you mean '{near}'? " if near in SEQUENCES else ""
            raise UserError(f"'{name}' is not a sequence: {hint}Choose from {', '.join(SEQUENCES)}.")
    twice = [name for name in SEQUENCES if names.count(name) > 1]
    if twice:
        raise UserError(f"The sequence '{twice[0]}' is named twice in {', '.join(names)}: name each once.")
    return tuple(name for name in SEQUENCES if name in names)


def channels_of(modalities: str | Iterable[str]) -> list[int]:
    """Channel indices of the chosen sequences in the teacher's input, ascending."""
    return [SEQUENCES.index(name) for name in ordered(modalities)]


def subset_name(modalities: str | Iterable[str]) -> str:
    """Name of a choice of sequences in file names and tables, such as `t1ce+flair`."""
    return "+".join(ordered(modalities))


def subset_order(setting: str) -> tuple:
    """Sort key: few sequences first, then the order of the teacher's input."""
    names = setting.split("+")
    return len(names), tuple(SEQUENCES.index(name) for name in names)


def limited_subsets() -> list[tuple[str, ...]]:
    """All 14 choices of one to three of the four sequences, the smallest first."""
    return [setting for size in range(1, len(SEQUENCES)) for setting in combinations(SEQUENCES, size)]
