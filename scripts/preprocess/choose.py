# SPDX-License-Identifier: Apache-2.0
"""Take one scan for each sequence, by a rule that is told, or by the user's file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.common.errors import ScanError
from scripts.common.sequences import SEQUENCES
from scripts.preprocess.acquired import is_after, last
from scripts.preprocess.convert import GAPS
from scripts.preprocess.sequence_of_series import Reading, number_of, read_sequence, weighting_by_times
from scripts.preprocess.series import Series, finest, titles
from scripts.preprocess.wishes import wished

WAY_OUT = (
    'take one away, or name the right one in a JSON file, {{"{subject}": {{"{sequence}": "<series number, description '
    'or file name>"}}}}, and give it as --choice.'
)


def choose(
    subject: str, series: Iterable[Series], wishes: Mapping[str, str | None] | None = None
) -> tuple[dict[str, tuple[Series, str]], list[tuple[Series, str]]]:
    """One scan for each sequence that a subject has.

    What the user wishes counts first. Of several scans of one sequence these rules take one, in this order:

    1. of T1, those that say that they are without contrast, then those acquired before the first T1ce.
    2. original scans before reformatted or derived ones (`ImageType`).
    3. scans whose file name the user ended in the sequence before others.
    4. the finest voxels: the smallest of their largest sizes, if the others are more than 10% larger.
    5. where echo times differ, the scans whose times say the sequence.
    6. of scans with the same description, the last: a scan is repeated because the first was spoilt.

    Args:
        subject: for messages.
        series: its scans.
        wishes: for some of the sequences, the number, description or file name of a scan, or None to leave the sequence
            out.

    Returns:
        The chosen scan of each sequence with the reason, in the order of `SEQUENCES`, and the other scans with theirs.

    Raises:
        ScanError: no scan is left, a wish fits not exactly one scan, two scans differ in nothing that the rules look
            at, slices of a chosen scan are missing, or scans that are one of the sequences are of several studies, also
            if those of only one would be chosen. Of T1 also: several of which nothing says which was taken after the
            contrast agent, or none but one that says nothing and was acquired after a T1ce.
    """
    series, wishes = list(series), dict(wishes or {})
    readings = {scan.file: read_sequence(scan) for scan in series}
    chosen = {
        sequence: (wished(subject, series, sequence, wish), "named by the user")
        for sequence, wish in wishes.items()
        if wish is not None
    }
    taken = {scan.file for scan, _ in chosen.values()}
    if len(taken) < len(chosen):
        raise ScanError(f"{subject}: --choice gives one scan to two sequences: name another one for one of them.")
    candidates = [scan for scan in series if readings[scan.file].sequence in set(SEQUENCES) - wishes.keys()]
    _check_studies(subject, [*(scan for scan, _ in chosen.values()), *candidates])
    with_contrast = [scan for scan in series if readings[scan.file].sequence == "t1ce" and scan.file not in taken]
    with_contrast += [scan for name, (scan, _) in chosen.items() if name == "t1ce"]
    late = {}
    for sequence in SEQUENCES:
        scans = [scan for scan in series if readings[scan.file].sequence == sequence and scan.file not in taken]
        if scans and sequence not in wishes:
            whys = []
            if sequence == "t1":
                scans, whys, late = _without_contrast(subject, scans, with_contrast, readings)
            chosen[sequence] = _best(subject, sequence, scans, readings, whys)
    _check_contrast(subject, chosen, series, readings, wishes)
    if not chosen:
        told = "; ".join(f"{scan.title}: {readings[scan.file].why}" for scan in series) or "it has no scan"
        raise ScanError(f"{subject}: none of its scans is known to be T1, T1ce, T2 or FLAIR ({told}).")
    _check_gaps(subject, chosen)
    taken = {scan.file: sequence for sequence, (scan, _) in chosen.items()}
    left = [
        (scan, late.get(scan.file) or _why_left(readings[scan.file], chosen, wishes))
        for scan in series
        if scan.file not in taken
    ]
    return {name: chosen[name] for name in SEQUENCES if name in chosen}, left


def _without_contrast(
    subject: str, scans: list[Series], with_contrast: list[Series], readings: Mapping[Path, Reading]
) -> tuple[list[Series], list[str], dict[Path, str]]:
    """The T1 that are without contrast as far as is told, the rule that took them, and why each late one is left out.

    A T1 that says nothing of contrast is *late* if it was acquired after a T1ce: the agent may still be in it.
    """
    told = [scan for scan in scans if readings[scan.file].tells_contrast]
    if told:
        return told, ["others say nothing of contrast"] if len(told) < len(scans) else [], {}
    order = {scan.file: [is_after(scan, other) for other in with_contrast] for scan in scans}
    late = {
        scan.file: f"t1, but acquired after {with_contrast[order[scan.file].index(True)].title}, so the contrast agent "
        "may be in it"
        for scan in scans
        if True in order[scan.file]
    }
    early = [scan for scan in scans if all(after is False for after in order[scan.file])]
    kept = early or [scan for scan in scans if scan.file not in late]
    if not kept:
        agent = with_contrast[order[scans[0].file].index(True)].title
        raise ScanError(
            f"{subject}: no T1 is known to be without contrast, since {titles(scans)} may have the contrast agent of "
            f"{agent}, acquired before: name the T1, or null for none, in a JSON file, "
            f'{{"{subject}": {{"t1": null}}}}, and give it as --choice.'
        )
    if not early and len(kept) > 1:
        _refuse_silent(subject, kept, "t1")
    why = "acquired before the T1ce" if early else "others were acquired after the T1ce"
    return kept, [why] if len(kept) < len(scans) else [], late


def _best(
    subject: str, sequence: str, scans: list[Series], readings: Mapping[Path, Reading], whys: list[str]
) -> tuple[Series, str]:
    """The best of the scans and why; `whys` are the rules that left out others before."""
    for rule, keep in (
        ("original, not reformatted", lambda scan: not _is_reformatted(scan)),
        ("named by its file", lambda scan: scan.named == sequence),
    ):
        kept = [scan for scan in scans if keep(scan)]
        if 0 < len(kept) < len(scans):
            scans, whys = kept, [*whys, rule]
    kept = finest(scans)
    if len(kept) < len(scans):
        scans, whys = kept, [*whys, f"the finest voxels ({min(scan.thickest for scan in kept):g} mm)"]
    echoes = {number_of(scan.facts.get("EchoTime")) for scan in scans}
    kept = [scan for scan in scans if weighting_by_times(scan.facts) == ("t1" if sequence == "t1ce" else sequence)]
    if None not in echoes and len(echoes) > 1 and 0 < len(kept) < len(scans):
        scans, whys = kept, [*whys, "the echo times of others do not fit"]
    if len(scans) > 1:
        latest = last(scans)
        if latest is None or len({scan.description for scan in scans}) > 1:
            raise ScanError(
                f"{subject}: {titles(scans)} both seem to be the {sequence}, and nothing tells which one to take: "
                + WAY_OUT.format(subject=subject, sequence=sequence)
            )
        scans, whys = [latest], [*whys, "the last of its repetitions"]
    return scans[0], "; ".join([readings[scans[0].file].why, *whys])


def _is_reformatted(scan: Series) -> bool:
    kinds = {str(kind).upper() for kind in scan.facts.get("ImageType") or ()}
    return bool(kinds & {"MPR", "REFORMATTED", "DERIVED"})


def _check_contrast(subject: str, chosen, series: list[Series], readings: Mapping[Path, Reading], wishes) -> None:
    """Several T1 of which nothing tells which was taken after the contrast agent cannot be told apart."""
    silent = [
        scan for scan in series if readings[scan.file].sequence == "t1" and not readings[scan.file].tells_contrast
    ]
    if len(silent) > 1 and "t1ce" not in chosen and not wishes.keys() & {"t1", "t1ce"}:
        _refuse_silent(subject, silent, "t1ce")


def _refuse_silent(subject: str, silent: list[Series], sequence: str) -> None:
    raise ScanError(
        f"{subject}: {titles(silent)} are T1, and nothing tells which was taken after the contrast agent: "
        + WAY_OUT.format(subject=subject, sequence=sequence)
    )


def _check_gaps(subject: str, chosen) -> None:
    for sequence, (scan, _) in chosen.items():
        if gaps := scan.facts.get(GAPS):
            raise ScanError(
                f"{subject}: slices of {scan.title} are missing ('{gaps}'), so the others would lie in a wrong place: "
                f"export it again, or name another {sequence}, or null for none, in a JSON file, "
                f'{{"{subject}": {{"{sequence}": null}}}}, and give it as --choice.'
            )


def _check_studies(subject: str, candidates: Iterable[Series]) -> None:
    """All scans that might be chosen are of one study: times of day and numbers give no order across studies."""
    studies = {}
    for scan in candidates:
        if study := scan.facts.get("study"):
            studies.setdefault(study, scan)
    if len(studies) > 1:
        both = titles(list(studies.values())[:2])
        raise ScanError(
            f"{subject}: {both} are of different studies or patients, and a tumour changes between two studies: put "
            "each into a subject's folder of its own, or name scans of one for all sequences in the file of --choice."
        )


def _why_left(reading: Reading, chosen, wishes) -> str:
    if reading.sequence is None:
        return reading.why
    if reading.sequence in chosen:
        return f"{reading.sequence}, but {chosen[reading.sequence][0].title} was taken: {chosen[reading.sequence][1]}"
    return f"{reading.sequence}, left out by --choice"
