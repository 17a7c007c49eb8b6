# SPDX-License-Identifier: Apache-2.0
"""Read a `dataset.json`: MSD Task01_BrainTumour with its 4D files, or lists that name each sequence."""

import json
from difflib import get_close_matches
from pathlib import Path

from scripts.common.choices import PARTS
from scripts.common.errors import UserError
from scripts.common.json_files import read_json
from scripts.common.labels import LABEL_CONVENTIONS
from scripts.common.namings import naming_of_4d_files
from scripts.common.sequences import SEQUENCES, nifti_stem, parse_files, sequence_of_name
from scripts.data.item_files import file_of
from scripts.data.subject_folders import files_and_folders
from scripts.data.subject_name import subject_of_file

# The key of the label convention, and its name before version 0.7.
CONVENTION_KEYS = ("label_convention", "numbering")
# What is read of a subject's entry.
ENTRY_KEYS = (*SEQUENCES, "label", "maps", "image", "subject", "patient", *CONVENTION_KEYS)
FORMS = (
    '{"training": [{"subject": "a", "flair": "a_flair.nii.gz", "label": "a_seg.nii.gz"}]} or the 4D form of MSD '
    '{"modality": {"0": "FLAIR"}, "training": [{"image": "a.nii.gz", "label": "a_seg.nii.gz"}]}'
)


def subjects_in_json(path: Path, labelled: bool) -> list[tuple[dict, str]]:
    """The items of a dataset.json, each with its place in the file. Paths become absolute, relative to the file.

    An entry names each sequence itself, or has `image`: one 4D file, whose volumes `modality` names, or a list of
    files whose names tell the sequence. `label_convention` (older files: `numbering`) of the file or of an entry is
    `brats` (default), `brats2023` or `msd` (default for 4D files). Subjects with the same `patient` stay in one part of
    a split. Items get the `part` that lists them, and as `empty_parts` those that the file lists as empty, which a
    split leaves empty.

    Args:
        path: the dataset.json.
        labelled: leave out entries that have neither a label map nor maps.

    Raises:
        UserError: not JSON, of another form, an unknown sequence or label convention, or a subject whose name cannot
            be that of a folder.
    """
    try:
        content = read_json(path, object_pairs_hook=_without_repeated_keys)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): allow it, or remove the file.") from error
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): correct it, or remove it.") from error
    parts = [part for part in PARTS if isinstance(content, dict) and isinstance(content.get(part), list)]
    if not parts:
        raise UserError(f'{path} lists no subjects: it needs the form {FORMS}; "validation" and "test" likewise.')
    empty = tuple(part for part in parts if not content[part])
    found = []
    for part in parts:
        for number, entry in enumerate(content[part]):
            place = f'{path}, "{part}" entry {number + 1}'
            item = _item(entry if isinstance(entry, dict) else {"image": entry}, content, path.parent, place)
            if not labelled or "label" in item or "maps" in item:
                found.append((item | {"part": part} | ({"empty_parts": empty} if empty else {}), place))
    _check_own_files([item for item, _ in found])
    return found


def _check_own_files(items: list[dict]) -> None:
    """Refuse a file that is listed for two subjects."""
    owners: dict[str, str] = {}
    for item in items:
        for name in (*SEQUENCES, "label", "maps"):
            file = file_of(item.get(name))
            if file is not None and owners.setdefault(file, item["subject"]) != item["subject"]:
                raise UserError(
                    f"{file} is listed for two subjects, {owners[file]} and {item['subject']}: give each its own files."
                )


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict:
    """A JSON object whose keys differ; of a repeated one, JSON's reader would drop the first value without a word."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" occurs twice')
    return content


def msd_without_json(root: Path, labelled: bool) -> list[tuple[dict, Path]]:
    """The items of MSD Task01_BrainTumour without its dataset.json, as `subjects_in_json` gives them."""
    naming = naming_of_4d_files()
    found = []
    for images, labels in (("imagesTr", "labelsTr"), *([] if labelled else [("imagesTs", "labelsTs")])):
        contents = files_and_folders(root / images) if (root / images).is_dir() else None
        for path in contents[0] if contents else []:
            stem = nifti_stem(path.name)
            if stem is None or sequence_of_name(stem):
                continue
            item = {"subject": stem, "label_convention": naming.label_conventions[0]}
            item |= {name: {"file": str(path), "volume": volume} for volume, name in enumerate(naming.volumes)}
            if (root / labels / path.name).is_file():
                item["label"] = str(root / labels / path.name)
            found.append((item, path))
    return found


def _check_keys(entry: dict, place: str) -> None:
    """Refuse a key that is another name of a sequence, or a misspelt one; other keys are left alone."""
    for key in entry:
        if key in ENTRY_KEYS:
            continue
        meant = sequence_of_name(key)
        meant = (
            meant if meant in (*SEQUENCES, "label") else next(iter(get_close_matches(key, SEQUENCES, 1, 0.75)), None)
        )
        if meant is not None:
            raise UserError(f'{place}: nothing reads the key "{key}": did you mean "{meant}"?')


def _item(entry: dict, content: dict, folder: Path, place: str) -> dict:
    _check_keys(entry, place)
    item = {name: _located(entry[name], folder, place) for name in (*SEQUENCES, "label", "maps") if entry.get(name)}
    image, four_d = entry.get("image"), False
    if isinstance(image, list):
        understood = parse_files(folder / str(file) for file in image)
        for file in image:
            _, name = understood.get(folder / str(file), (None, None))
            if name is None or name in item:
                problem = f"is a second {name}" if name else "does not say in its name which sequence it is"
                raise UserError(
                    f"{place}: {file} {problem}: "
                    f"list each file under its sequence ({', '.join(SEQUENCES)}) instead of under image."
                )
            item[name] = _located(file, folder, place)
    elif image:
        four_d = True
        file = _path(image, folder, place)
        item |= {name: {"file": file, "volume": volume} for volume, name in _volumes(content, place)}
    if not item.keys() - {"label"}:
        raise UserError(f"{place} names neither a sequence nor an image: use the form {FORMS}.")
    given = next((source[key] for source in (entry, content) for key in CONVENTION_KEYS if key in source), None)
    default = naming_of_4d_files().label_conventions[0] if four_d else "brats"
    label_convention = default if given is None else given
    if not isinstance(label_convention, str) or label_convention not in LABEL_CONVENTIONS:
        raise UserError(
            f'{place}: "label_convention" is "{label_convention}": choose one of {", ".join(LABEL_CONVENTIONS)}.'
        )
    if four_d and given is None and "edema" not in _meaning_of_one(content):
        raise UserError(
            f'{place}: label 1 is "{_meaning_of_one(content)}", not the oedema of MSD Task01: add "label_convention", '
            f'one of {", ".join(LABEL_CONVENTIONS)}, to dataset.json.'
        )
    subject = _name_of(item) if entry.get("subject") is None else entry["subject"]
    if not isinstance(subject, (str, int)) or str(subject).strip() in ("", ".", "..") or "\0" in str(subject):
        raise UserError(
            f'{place}: the subject "{subject}" is not the name of a folder, and results go to a folder of its name: '
            'give another as "subject".'
        )
    subject = str(subject)
    if "/" in subject or "\\" in subject:
        raise UserError(
            f'{place}: the subject "{subject}" has a slash, and results go to a folder of its name: use "_".'
        )
    patient = {} if entry.get("patient") is None else {"patient": str(entry["patient"])}
    return {"subject": subject, "label_convention": label_convention} | patient | item


def _located(source, folder: Path, place: str):
    if isinstance(source, dict) and isinstance(source.get("file"), str) and isinstance(source.get("volume"), int):
        return {"file": str(folder / source["file"]), "volume": source["volume"]}
    return _path(source, folder, place)


def _path(source, folder: Path, place: str) -> str:
    if not isinstance(source, str):
        raise UserError(f"{place}: {source!r} is not a path: give the file's path relative to dataset.json.")
    return str(folder / source)


def _volumes(content: dict, place: str) -> list[tuple[int, str]]:
    """Which volume of a 4D file is which sequence, by `modality` (nnU-Net: `channel_names`) or else MSD's order."""
    key = "modality" if content.get("modality") else "channel_names"
    names = content.get(key) or dict(enumerate(naming_of_4d_files().volumes))
    if not isinstance(names, dict):
        raise UserError(
            f'{place}: "{key}" in dataset.json is {json.dumps(names)}, and must number the volumes: '
            'write it as {"0": "FLAIR", "1": "T1w"}.'
        )
    volumes = [(volume, sequence_of_name(str(name))) for volume, name in names.items()]
    for (volume, name), given in zip(volumes, names.values()):
        if not str(volume).isdigit() or name not in SEQUENCES or [n for _, n in volumes].count(name) > 1:
            raise UserError(
                f'{place}: the modality "{volume}": "{given}" in dataset.json is unknown or named twice: '
                f"number the volumes from 0 and name each once as one of {', '.join(SEQUENCES)}."
            )
    return [(int(volume), name) for volume, name in volumes]


def _meaning_of_one(content: dict) -> str:
    labels = content.get("labels")
    return str(labels.get("1", "edema")).lower() if isinstance(labels, dict) else "edema"


def _name_of(item: dict) -> str:
    """The name of a subject that has none: by its first file (`subject_of_file`); of a 4D file, the file's."""
    source = next(item[name] for name in (*SEQUENCES, "maps") if name in item)
    if isinstance(source, dict):
        return nifti_stem(Path(source["file"]).name) or Path(source["file"]).name
    files = [Path(file) for name, file in item.items() if isinstance(file, str) and name != "maps"]
    prefix, _ = parse_files(files).get(Path(source), ("", None))
    return subject_of_file(Path(source), prefix)
