# SPDX-License-Identifier: Apache-2.0
"""Take one scan for each sequence, by a rule that is told, or by the user's file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.common.errors import ScanError, UserError
from scripts.common.sequences import SEQUENCES
from scripts.preprocess.sequence_of_series import Reading, read_sequence
from scripts.preprocess.series import Series

# Voxels whose largest sizes differ by less than this share count as equally fine.
AS_FINE = 0.1
WAY_OUT = (
    'take one away, or name the right one in a JSON file, {{"{subject}": {{"{sequence}": "<series number, description '
    'or file name>"}}}}, and give it as --choice.'
)


def choose(
    subject: str, series: Iterable[Series], wishes: Mapping[str, str | None] | None = None
) -> tuple[dict[str, tuple[Series, str]], list[tuple[Series, str]]]:
    """One scan for each sequence that a subject has.

    What the user wishes counts first. Of several scans of one sequence these rules take one, in this order:

    1. original scans before reformatted or derived ones (`ImageType`);
    2. scans whose file name the user ended in the sequence before others;
    3. the finest voxels: the smallest of their largest sizes, if the others are more than 10% larger;
    4. of scans with the same description, the last: a scan is repeated because the first was spoilt.

    Args:
        subject: for messages.
        series: its scans.
        wishes: for some of the sequences, the number, description or file name of a scan, or None to leave the sequence
            out.

    Returns:
        The chosen scan of each sequence with the reason, in the order of `SEQUENCES`, and the other scans with theirs.

    Raises:
        ScanError: no scan is left, a wish fits not exactly one scan, two scans differ in nothing that the rules look
            at, several T1 of which none says anything about contrast, or scans of several studies.
    """
    series, wishes = list(series), dict(wishes or {})
    readings = {scan.file: read_sequence(scan) for scan in series}
    chosen = {
        sequence: (_wished(subject, series, sequence, wish), "named by the user")
        for sequence, wish in wishes.items()
        if wish is not None
    }
    taken = {scan.file for scan, _ in chosen.values()}
    if len(taken) < len(chosen):
        raise ScanError(f"{subject}: --choice gives one scan to two sequences: name another one for one of them.")
    for sequence in SEQUENCES:
        scans = [scan for scan in series if readings[scan.file].sequence == sequence and scan.file not in taken]
        if scans and sequence not in wishes:
            chosen[sequence] = _best(subject, sequence, scans, readings)
    _check_contrast(subject, chosen, series, readings, wishes)
    if not chosen:
        told = "; ".join(f"{scan.title}: {readings[scan.file].why}" for scan in series) or "it has no scan"
        raise ScanError(f"{subject}: none of its scans is known to be T1, T1ce, T2 or FLAIR ({told}).")
    _check_studies(subject, chosen)
    taken = {scan.file: sequence for sequence, (scan, _) in chosen.items()}
    left = [(scan, _why_left(readings[scan.file], chosen, wishes)) for scan in series if scan.file not in taken]
    return {name: chosen[name] for name in SEQUENCES if name in chosen}, left


def read_wishes(path: Path | None) -> dict[str, dict[str, str | None]]:
    """The user's file: ``{"P1": {"t1ce": "5", "flair": null}}``; empty without one.

    Raises:
        UserError: it cannot be read, or has another form.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give an existing file as --choice.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): correct it.") from error
    form = 'it needs the form {"P1": {"t1ce": "5", "flair": null}}, with t1, t1ce, t2 or flair'
    if not isinstance(content, dict) or not all(isinstance(wishes, dict) for wishes in content.values()):
        raise UserError(f"{path} is no choice of scans: {form}.")
    for subject, wishes in content.items():
        for sequence, wish in wishes.items():
            if sequence not in SEQUENCES or not isinstance(wish, (str, int, type(None))):
                raise UserError(f"{path} has the entry '{sequence}': {json.dumps(wish)} for {subject}: {form}.")
    return {
        subject: {sequence: None if wish is None else str(wish) for sequence, wish in wishes.items()}
        for subject, wishes in content.items()
    }


def _wished(subject: str, series: list[Series], sequence: str, wish: str) -> Series:
    names = {
        scan.file: {str(scan.facts.get("SeriesNumber", "")), scan.description.lower(), scan.file.name.lower()}
        for scan in series
    }
    fitting = [scan for scan in series if wish.lower() in names[scan.file]]
    if len(fitting) != 1:
        known = ", ".join(scan.title for scan in series)
        count = "no scan" if not fitting else f"{len(fitting)} scans"
        raise ScanError(f"{subject}: '{wish}', its {sequence} by --choice, fits {count}: name one of {known}.")
    return fitting[0]


def _best(subject: str, sequence: str, scans: list[Series], readings: Mapping[Path, Reading]) -> tuple[Series, str]:
    whys = []
    for rule, keep in (
        ("original, not reformatted", lambda scan: not _is_reformatted(scan)),
        ("named by its file", lambda scan: scan.named == sequence),
    ):
        kept = [scan for scan in scans if keep(scan)]
        if 0 < len(kept) < len(scans):
            scans, whys = kept, [*whys, rule]
    finest = min(scan.thickest for scan in scans)
    kept = [scan for scan in scans if scan.thickest <= finest * (1 + AS_FINE)]
    if len(kept) < len(scans):
        scans, whys = kept, [*whys, f"the finest voxels ({finest:g} mm)"]
    if len(scans) > 1:
        if len({scan.description for scan in scans}) > 1 or not all(_when(scan) for scan in scans):
            titles = " and ".join(scan.title for scan in scans)
            raise ScanError(
                f"{subject}: {titles} both seem to be the {sequence}, and nothing tells which one to take: "
                + WAY_OUT.format(subject=subject, sequence=sequence)
            )
        scans, whys = [max(scans, key=_when)], [*whys, "the last of its repetitions"]
    return scans[0], "; ".join([readings[scans[0].file].why, *whys])


def _when(scan: Series) -> tuple:
    """Sort key of repetitions; empty if nothing tells the order."""
    number, time = scan.facts.get("SeriesNumber"), scan.facts.get("AcquisitionTime")
    return () if number is None else (int(number), str(time))


def _is_reformatted(scan: Series) -> bool:
    kinds = {str(kind).upper() for kind in scan.facts.get("ImageType") or ()}
    return bool(kinds & {"MPR", "REFORMATTED", "DERIVED"})


def _check_contrast(subject: str, chosen, series: list[Series], readings: Mapping[Path, Reading], wishes) -> None:
    """Several T1 of which nothing tells which was taken after the contrast agent cannot be told apart."""
    silent = [
        scan for scan in series if readings[scan.file].sequence == "t1" and not readings[scan.file].tells_contrast
    ]
    if len(silent) > 1 and "t1ce" not in chosen and not wishes.keys() & {"t1", "t1ce"}:
        titles = " and ".join(scan.title for scan in silent)
        raise ScanError(
            f"{subject}: {titles} are T1, and nothing tells which was taken after the contrast agent: "
            + WAY_OUT.format(subject=subject, sequence="t1ce")
        )


def _check_studies(subject: str, chosen) -> None:
    studies = {}
    for scan, _ in chosen.values():
        if study := scan.facts.get("study"):
            studies.setdefault(study, scan)
    if len(studies) > 1:
        titles = " and ".join(scan.title for scan in list(studies.values())[:2])
        raise ScanError(
            f"{subject}: {titles} are of different studies, and a tumour changes between two: put each study into a "
            "subject's folder of its own."
        )


def _why_left(reading: Reading, chosen, wishes) -> str:
    if reading.sequence is None:
        return reading.why
    if reading.sequence in chosen:
        return f"{reading.sequence}, but {chosen[reading.sequence][0].title} was taken: {chosen[reading.sequence][1]}"
    return f"{reading.sequence}, left out by --choice"
