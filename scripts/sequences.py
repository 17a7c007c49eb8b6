# SPDX-License-Identifier: Apache-2.0
"""The one table of what a sequence is: its name, its aliases in the wild, its place in the teacher's input."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import combinations

from scripts.errors import UserError

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
_BIDS = re.compile(r"(sub-[^_]+(?:_ses-[^_]+)?)((?:_[a-z]+-[^_]+)*)", re.IGNORECASE)
_BIDS_CONTRAST = re.compile(r"_ce-(?!no|pre)|_acq-[^_]*(?:post|gd|gad)", re.IGNORECASE)
_MAYBE = {"t1": {"t1", "t1ce"}, "mprage": {"t1", "t1ce"}, "spgr": {"t1", "t1ce"}, "flair": {"flair"}}


def sequence_of_name(name: str) -> str | None:
    """The sequence that one name such as `T1w`, `t1gd` or `FLAIR` means, `label` for a label map, None if unknown."""
    return _NAMES.get(re.sub(rf"[{SEPARATORS} ]", "", name).lower())


def nifti_stem(filename: str) -> str | None:
    """File name without `.nii` or `.nii.gz`, None for any other file."""
    match = re.fullmatch(r"(.+)\.nii(\.gz)?", filename, flags=re.IGNORECASE)
    return match[1] if match else None


def parse_filename(filename: str) -> tuple[str, str] | None:
    """Split a NIfTI file name into (what stands before the sequence, sequence or `label`); None if it names neither.

    Only the end of the name counts, whatever its case: `BraTS-GLI-00005-000-t2f.nii.gz` is
    (`BraTS-GLI-00005-000`, `flair`), `sub_T1_Gd.nii` is (`sub`, `t1ce`), `flair.nii.gz` is (``, `flair`). Of a BIDS
    name only subject and session stay, and a contrast agent is seen wherever it is named:
    `sub-01_ses-2_ce-gadolinium_run-1_T1w.nii.gz` is (`sub-01_ses-2`, `t1ce`).
    """
    stem = nifti_stem(filename)
    if stem is None:
        return None
    tokens = re.split(rf"[{SEPARATORS}]", stem)
    for count in (2, 1):  # two first: `t1_ce` and `T2-FLAIR` are one name
        name = sequence_of_name("".join(tokens[-count:])) if len(tokens) >= count else None
        if name is None:
            continue
        before = stem[: len(stem) - len("".join(tokens[-count:])) - count + 1].rstrip(SEPARATORS)
        bids = _BIDS.fullmatch(before)
        if bids:
            before, contrast = bids[1], _BIDS_CONTRAST.search(bids[2])
        else:
            contrast = _CONTRAST_AGENT & {token.lower() for token in tokens[-3:-1]}
        return before, "t1ce" if name == "t1" and contrast else name
    return None


def resembles(filename: str) -> set[str]:
    """The sequences that a NIfTI file may be whose name has one in it, but not at the end.

    `S1_t1ce_mprage.nii.gz` may be the t1ce, `S1_MPRAGE_GD.nii.gz` t1 or t1ce, `S1_mask.nii.gz` none.
    """
    stem = nifti_stem(filename)
    if stem is None or parse_filename(filename):
        return set()
    tokens = re.split(rf"[{SEPARATORS} ]", stem.lower())
    pairs = ["".join(pair) for pair in zip(tokens, tokens[1:])]
    known = {name for name in map(sequence_of_name, pairs + tokens) if name in SEQUENCES}
    if len(known) > 1 and "t1" in known:
        known.discard("t1")  # `t1_ce` is the t1ce alone
    return known or set().union(*(may for token in tokens for start, may in _MAYBE.items() if token.startswith(start)))


def sequence_of_file(filename: str) -> str | None:
    """The sequence that a NIfTI file name ends in (`t1`, `t1ce`, `t2`, `flair`), `label` for a label map, else None."""
    parsed = parse_filename(filename)
    return parsed[1] if parsed else None


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


def setting_name(modalities: str | Iterable[str]) -> str:
    """Name of a choice of sequences in file names and tables, such as `t1ce+flair`."""
    return "+".join(ordered(modalities))


def setting_order(setting: str) -> tuple:
    """Sort key: few sequences first, then the order of the teacher's input."""
    names = setting.split("+")
    return len(names), tuple(SEQUENCES.index(name) for name in names)


def limited_settings() -> list[tuple[str, ...]]:
    """All 14 choices of one to three of the four sequences, the smallest first."""
    return [setting for size in range(1, len(SEQUENCES)) for setting in combinations(SEQUENCES, size)]
