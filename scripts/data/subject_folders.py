# SPDX-License-Identifier: Apache-2.0
"""Find subjects by the names of files and folders.

- A file name is a prefix and a sequence (`scripts.common.sequences.parse_filename`). Files of one prefix in one folder
  are a subject, called by the prefix. If all scans of a folder have one prefix, or none, and no subject lies below, the
  subject is called after the folder (`scripts.data.subject_name.subject_folder`), not after BIDS's `anat`.
- A folder named after a sequence (`P1/T1CE`) is no subject: its scans count as those of the folder above.
- The scans in folders below that have the prefix of the folder above (`P1/post/P1_t1ce.nii.gz`) join it if it has scans
  of its own, or if each of them holds one sequence and not all the same. Folders of time points
  (`scripts.data.subject_name.is_visit`) do not.
- Label maps in a folder of their own join the subject with their prefix.
- A folder of a time point is called by its patient's folder too: LUMIERE's `Patient-001_week-000-1`.
- Subject folders of one name in several folders are called by their path.
- Files that begin with the name of another subject are refused.
- A folder that cannot be read is left out with a warning. Links to a folder that they lie in are not followed.
"""

import re
import warnings
from pathlib import Path
from typing import NamedTuple

from scripts.common.errors import UserError
from scripts.common.namings import naming_of, patient_of_subject
from scripts.common.sequences import (
    SEPARATORS,
    SEQUENCES,
    nifti_stem,
    parse_filename,
    parse_files,
    possible_sequences,
    repeated_sequence,
    sequence_of_folder,
)
from scripts.data.subject_name import is_visit, name_of_folder, patient_of_folder, subject_folder


class _Subject(NamedTuple):
    name: str
    prefix: str  # of its scans' file names
    place: Path  # its folder, or one of its files if it shares the folder
    files: list[tuple[Path, str]]  # each with its sequence or `label`; may be empty
    beside: list[str]  # names of all files that lie in its folder
    is_loose_label: bool = False  # a label map in a folder without scans

    def sequences(self) -> set[str]:
        return {name for _, name in self.files} - {"label"}


def subjects_in_folders(root: Path) -> list[tuple[dict, Path]]:
    """Datalist items of all subjects in a folder and the folders in it, each with its place: its folder or a file.

    A sequence that several files claim has the list of them. A time point has its `patient`, if its name does not tell
    (`scripts.common.namings.patient_of_subject`).

    Raises:
        UserError: files whose subject or sequence is not clear.
    """
    subjects = _search(root)
    labels = {}
    for subject in subjects:
        if subject.is_loose_label:
            labels.setdefault(subject.name, []).extend(subject.files)
    subjects = [subject for subject in subjects if not subject.is_loose_label]
    names = [_name(subject, root) for subject in subjects]
    use_paths = len(names) > len(set(names))
    found = []
    for subject, name in zip(subjects, names):
        has_label = any(sequence == "label" for _, sequence in subject.files)
        item = _item(subject, name, [] if has_label else labels.get(name, labels.get(subject.name, [])))
        if _is_called_by_folder(subject, root):
            folder = subject_folder(subject.place)
            if use_paths:
                item["subject"] = "_".join(folder.relative_to(root).parts)
            patient = patient_of_folder(folder, root, use_paths)
            if patient and patient_of_subject(item["subject"]) == item["subject"]:
                item["patient"] = patient
        found.append((item, subject.place))
    _check_other_subjects(subjects, found, root)
    return found


def _is_called_by_folder(subject: _Subject, root: Path) -> bool:
    named = subject_folder(subject.place)
    return subject.place.is_dir() and root in named.parents and named.name == subject.name


def _name(subject: _Subject, root: Path) -> str:
    return name_of_folder(subject_folder(subject.place), root) if _is_called_by_folder(subject, root) else subject.name


def _check_other_subjects(subjects: list[_Subject], found: list[tuple[dict, Path]], root: Path) -> None:
    """Refuse files that begin with the name of another subject than the one that they were taken for."""
    names = {item["subject"]: place for item, place in found}
    for subject, (item, _) in zip(subjects, found):
        for file, sequence in subject.files:
            prefix = (parse_filename(file.name) or ("", ""))[0] if sequence == "label" else subject.prefix
            if prefix not in names or prefix == item["subject"]:
                continue
            # `P1/2020/P1_t1` and `P1_followup/P1_t1` are no other patient's
            words = rf"(^|.*[{SEPARATORS} /]){re.escape(prefix)}([{SEPARATORS} /].*|$)"
            if not re.match(words, str(file.parent.relative_to(root)), re.DOTALL):
                raise UserError(
                    f"{file} was found for the subject {item['subject']}, but begins with the name of another, "
                    f"{prefix} ({names[prefix]}): move it there, or rename it."
                )


def files_and_folders(folder: Path) -> tuple[list[Path], list[Path]] | None:
    """The files and the folders in a folder, without hidden ones; None, with a warning, if it cannot be read.

    What is no folder counts as a file, also a link to nowhere: it is named when somebody wants to read it.
    """
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
        return [path for path in entries if not path.is_dir()], [path for path in entries if path.is_dir()]
    except OSError as error:
        warnings.warn(f"{folder} cannot be read ({error.strerror}), so it is left out.", stacklevel=2)
        return None


def _item(subject: _Subject, name: str, labels: list[tuple[Path, str]]) -> dict:
    files = subject.files + labels
    endings = {re.split(rf"[{SEPARATORS}]", nifti_stem(path.name).lower())[-1] for path, _ in files}
    naming = naming_of(name, endings)
    item = {"subject": name, "label_convention": naming.label_conventions[0] if naming else "brats"}
    for name in dict.fromkeys(name for _, name in files):
        claims = [str(path) for path, other in files if other == name]
        item[name] = claims[0] if len(claims) == 1 else claims
    ignored = [name for name in subject.beside if possible_sequences(name) - item.keys() or repeated_sequence(name)]
    return item | ({"ignored": ", ".join(ignored)} if ignored else {})


def _search(folder: Path, above: tuple[Path, ...] = ()) -> list[_Subject]:
    """The subjects of a folder and of the folders in it; `above` are the folders that it lies in, links resolved."""
    contents = files_and_folders(folder)
    if contents is None:
        return []
    files, folders = contents
    scans, beside = [], [path.name for path in files]
    above = (*above, folder.resolve())
    below = []
    for child in folders:
        if child.resolve() in above:
            continue
        inside = _search(child, above)
        if parse_filename(child.name) and not any(subject.files for subject in inside):
            files.append(child)  # a folder with the name of a scan, which is refused when it is read
            continue
        if sequence_of_folder(child.name) in SEQUENCES:
            beside += [f"{child.name}/{name}" for subject in inside for name in subject.beside]
        if _is_sequence_folder(child, inside):
            for subject in inside:
                named = subject_folder(subject.place)
                prefix = subject.prefix or ("" if named == child else named.name)
                scans += [(path, prefix, name) for path, name in subject.files]
        else:
            below += inside
    scans += [(path, *understood) for path, understood in parse_files(files).items()]
    for subject in _same_subject_below(folder, scans, below):
        scans += [(path, subject.prefix, name) for path, name in subject.files]
        beside += subject.beside
        below.remove(subject)
    if not any(subject.files for subject in below):
        below = []  # a folder without scans counts as an incomplete subject only beside other subjects
    is_root = len(above) == 1
    is_subject = not is_root and not any(subject.sequences() for subject in below)
    found = _subjects_of_files(folder, scans, beside, is_subject) + below
    if not is_root and not found and (not files + folders or any(nifti_stem(path.name) for path in files + folders)):
        return [_Subject(folder.name, "", folder, [], beside)]
    return found


def _is_sequence_folder(folder: Path, inside: list[_Subject]) -> bool:
    """Whether a folder is named after a sequence and holds scans of this one only."""
    sequence = sequence_of_folder(folder.name)
    held = set().union(*(subject.sequences() for subject in inside))
    if sequence not in SEQUENCES or len(held) != 1:
        return False
    if held != {sequence}:
        file = next(path for subject in inside for path, name in subject.files if name in held)
        raise UserError(
            f"{file} lies in a folder called {folder.name}, but its own name says {held.pop()}: "
            "rename one of the two, so that both say the same sequence."
        )
    return True


def _same_subject_below(folder: Path, scans: list[tuple[Path, str, str]], below: list[_Subject]) -> list[_Subject]:
    """Those of the subjects `below` that are the folder's own subject, by the prefix of their files.

    They are if the folder has scans of its own, or if each of them has one sequence and not all the same: time points
    often have the same. Time points that their folders tell are none in any case.
    """
    subject_name = subject_folder(folder).name
    own = next(
        (path for path, prefix, name in scans if (prefix or subject_name) == subject_name and name != "label"), None
    )
    nameless = next((subject for subject in below if not subject.prefix and subject.sequences()), None)
    if own and nameless:
        raise UserError(
            f"{own} lies beside the folder of {nameless.files[0][0]}, and it is not clear whether both are of one "
            "subject: begin the files' names with the subject's, as <subject>_t1ce.nii.gz, or move one elsewhere."
        )
    same = [subject for subject in below if subject.prefix == subject_name and subject.sequences()]
    same = [subject for subject in same if not _is_of_visit(subject)]
    held = [subject.sequences() for subject in same]
    one_each = all(len(names) == 1 for names in held) and len(set().union(*held)) > 1
    return same if own or one_each else []


def _is_of_visit(subject: _Subject) -> bool:
    return is_visit(subject_folder(subject.place if subject.place.is_dir() else subject.place.parent).name)


def _subjects_of_files(
    folder: Path, scans: list[tuple[Path, str, str]], beside: list[str], is_subject: bool
) -> list[_Subject]:
    """A subject for each prefix of the scans. If there is one prefix and the folder `is_subject`, it has its name."""
    subject_name = subject_folder(folder).name
    prefixes = {prefix or subject_name for _, prefix, name in scans if name != "label"}
    if not prefixes:
        return [
            _Subject(prefix, prefix, path, [(path, name)], [], is_loose_label=True)
            for path, prefix, name in scans
            if prefix not in ("", folder.name)
        ]
    single = len(prefixes) == 1
    by_subject = {}
    for path, prefix, name in scans:
        subject = min(prefixes) if single else prefix or subject_name
        by_subject.setdefault(subject, []).append((path, prefix, name))
    found = []
    for subject, own in by_subject.items():
        named_after = re.compile(rf"{re.escape(subject)}[{SEPARATORS}]")
        found.append(
            _Subject(
                name=folder.name if single and is_subject and subject_folder(folder) == folder else subject,
                prefix=max(prefix for _, prefix, name in own if name != "label" or not single),
                place=folder if single and is_subject or subject == subject_name else own[0][0],
                files=[(path, name) for path, _, name in own],
                beside=[name for name in beside if single or named_after.match(Path(name).name)],
            )
        )
    return found
