# SPDX-License-Identifier: Apache-2.0
"""The dataset namings that are understood, one row each: to add a naming, add a row to `NAMINGS`.

`scripts.common.sequences` takes the names of the sequences from here, `scripts.data.subject_folders` the label
convention of a subject, `scripts.data.splits` its patient, and `scripts.common.labels` what its label values may mean.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True, eq=False)
class Naming:
    """How one dataset names its files. Letter case never counts.

    Args:
        name: of the dataset, for messages.
        examples: files of one patient, relative to the dataset's folder; of two time points if the dataset has any.
        aliases: by sequence (t1, t1ce, t2, flair) or `label`, the names by which files end, separated by spaces and
            written without `-`, `_` and `.`.
        subject: regular expression for the beginning of a subject's name; its group 1 is the patient. Empty if
            subjects are not recognised by name; then each subject is a patient.
        label_conventions: keys of `scripts.common.labels.LABEL_CONVENTIONS` that the label maps may follow. The first
            one is assumed; where the values show that a map follows another one of them, that one is used.
        refused_labels: what a label value means here, for values that mean something else in `label_conventions`:
            label maps with such a value are refused.
        file: regular expression for a whole file name without its ending, for names that hold more than subject and
            sequence. Groups 1 to 3 are the subject, further entities, and the sequence.
        contrast_agent: regular expression that finds a contrast agent in the further entities.
        volumes: the sequences of a four-dimensional file, in the order of its volumes.
    """

    name: str
    examples: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""
    label_conventions: tuple[str, ...] = ("brats",)
    refused_labels: Mapping[int, str] = field(default_factory=dict)
    file: str = ""
    contrast_agent: str = ""
    volumes: tuple[str, ...] = ()

    def patient_of(self, subject: str) -> str | None:
        """The patient of a subject's name, None if the name is not of this naming."""
        match = re.match(self.subject, subject, re.IGNORECASE) if self.subject else None
        return match and match[1]


# The order counts: a subject has the first naming that fits it (`naming_of`).
NAMINGS = (
    Naming(
        "BraTS-PED",
        ("BraTS-PED-00001-000/BraTS-PED-00001-000-t1c.nii.gz",),  # files are called as in the next row
        subject=r"(BraTS-PED-\d+)",
        label_conventions=("brats2023",),
        refused_labels={4: "oedema in the paediatric label convention of BraTS"},  # of 2024
    ),
    Naming(
        "BraTS 2023 and later",
        (
            "BraTS-GLI-00005-000/BraTS-GLI-00005-000-t1c.nii.gz",
            "BraTS-GLI-00005-000/BraTS-GLI-00005-000-seg.nii.gz",
            "BraTS-GLI-00005-001/BraTS-GLI-00005-001-t2f.nii.gz",
        ),
        {"t1": "t1n", "t1ce": "t1c", "t2": "t2w", "flair": "t2f", "label": "seg"},
        subject=r"(BraTS-[A-Z]+-\d+)",
        label_conventions=("brats2023",),
    ),
    Naming(
        "BraTS 2017 to 2021",
        ("BraTS2021_00006/BraTS2021_00006_t1ce.nii.gz", "BraTS2021_00006/BraTS2021_00006_seg.nii.gz"),
        # one label map of BraTS 2020 (subject 355) is called W39_1998.09.19_Segm.nii
        {"t1": "t1", "t1ce": "t1ce", "t2": "t2", "flair": "flair", "label": "seg segm"},
        subject=r"(BraTS.*)",
        label_conventions=("brats", "brats2023"),
    ),
    Naming(
        "MSD Task01_BrainTumour",
        ("imagesTr/BRATS_001.nii.gz", "labelsTr/BRATS_001.nii.gz"),
        {"t1": "t1w", "t1ce": "t1gd", "t2": "t2", "flair": "flair"},  # in its dataset.json
        label_conventions=("msd",),
        volumes=("flair", "t1", "t1ce", "t2"),
    ),
    Naming(
        "BIDS",
        ("sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01/ses-2/anat/sub-01_ses-2_ce-gadolinium_run-1_T1w.nii.gz"),
        {"t1": "t1w", "t2": "t2w", "flair": "flair"},
        subject=r"(sub-[^_]+)(?:_ses-|$)",
        file=r"(sub-[^_]+(?:_ses-[^_]+)?)((?:_[a-z]+-[^_]+)*)_(.+)",
        contrast_agent=(
            r"_ce-(?!no|pre|wo|witho|ohne|sans|nativ|plain|unenh|false)"
            # not `acq-noGd`, and not `acq-postop`
            r"|_acq-(?![^_]*(?:pre|non?|without|ohne|(?<![a-z])wo)(?:ce|gd|gad|km|contrast))"
            r"(?:[^_]*(?:post(?!op|surg|resec|treat|therap|rt|radi|chemo|biops|erior)|gd|gad)"
            r"|(?:with)?(?:ce|km|contrast)(?:_|$))"
            r"|_post-(?:ce|gd|km|contrast)"
        ),
    ),
    Naming(
        "UPENN-GBM",
        (
            "images_structural/UPENN-GBM-00001_11/UPENN-GBM-00001_11_T1GD.nii.gz",
            "images_structural/UPENN-GBM-00001_21/UPENN-GBM-00001_21_FLAIR.nii.gz",
            "images_segm/UPENN-GBM-00001_11_segm.nii.gz",
        ),
        {"t1": "t1", "t1ce": "t1gd", "t2": "t2", "flair": "flair", "label": "segm"},
        subject=r"(UPENN-GBM-\d+)_\d+$",
    ),
    Naming(
        "UCSF-PDGM",
        (
            "UCSF-PDGM-0433_nifti/UCSF-PDGM-0433_T1c.nii.gz",
            "UCSF-PDGM-0433_nifti/UCSF-PDGM-0433_tumor_segmentation.nii.gz",
            "UCSF-PDGM-0433_FU001d_nifti/UCSF-PDGM-0433_FU001d_T2.nii.gz",
        ),
        {"t1": "t1", "t1ce": "t1c", "t2": "t2", "flair": "flair", "label": "tumorsegmentation"},
        subject=r"(UCSF-PDGM-\d+)_",
    ),
    Naming(
        "LUMIERE",
        ("Patient-001/week-000-1/CT1.nii.gz", "Patient-001/week-044/T2.nii.gz"),
        {"t1": "t1", "t1ce": "ct1", "t2": "t2", "flair": "flair"},
        subject=r"(Patient-\d+)_week-",
    ),
    Naming(
        "TCGA-GBM and TCGA-LGG",
        (
            "TCGA-02-0006/TCGA-02-0006_1996.08.23_t1Gd.nii.gz",
            "TCGA-02-0006/TCGA-02-0006_1996.08.23_GlistrBoost_ManuallyCorrected.nii.gz",
        ),
        {"t1": "t1", "t1ce": "t1gd", "t2": "t2", "flair": "flair", "label": "manuallycorrected"},
    ),
    Naming("EGD", ("EGD-0001/2_T1GD/NIFTI/T1GD.nii.gz",), {"t1": "t1", "t1ce": "t1gd", "t2": "t2", "flair": "flair"}),
    Naming(
        "any other <subject>_<sequence>.nii.gz",
        ("S1_t1ce.nii.gz", "S1_label.nii.gz"),
        {
            "t1": "t1 t1w t1pre",
            "t1ce": "t1ce t1c t1gd t1gad t1post t1wce t1wgd cet1 cet1w ct1 t1+c t1km",
            "t2": "t2 t2w",
            "flair": "flair fla t2flair flairw",
            "label": "seg segm label labels",
        },
    ),
)


def sequence_by_alias() -> dict[str, str]:
    """The sequence, or `label`, of each name that files may end in, such as `t1gd`."""
    return _aliases(NAMINGS)[0]


def naming_of(subject: str, endings: Iterable[str] = ()) -> Naming | None:
    """The first naming that fits a subject: by its name, or by a file ending that no other naming has.

    Args:
        subject: its name.
        endings: in lower case, how the names of its files end (`t1n`).
    """
    own = [_aliases(NAMINGS)[1].get(ending) for ending in endings]
    return next((naming for naming in NAMINGS if naming.patient_of(subject) or naming in own), None)


def patient_of_subject(subject: str) -> str:
    """The patient by the first naming that fits the subject's name; the subject itself if none does."""
    return next(filter(None, (naming.patient_of(subject) for naming in NAMINGS)), subject)


def naming_of_4d_files() -> Naming:
    """The naming of files whose volumes are the sequences: MSD Task01_BrainTumour."""
    return next(naming for naming in NAMINGS if naming.volumes)


def understood() -> str:
    """The namings with an example each, for messages."""
    return "; ".join(f"{naming.name} ({naming.examples[0]})" for naming in NAMINGS)


@cache
def _aliases(namings: tuple[Naming, ...]) -> tuple[dict[str, str], dict[str, Naming]]:
    """The sequence of each alias, and the naming of each alias that only one naming has."""
    owners = {}
    sequences = {}
    for naming in namings:
        for sequence, aliases in naming.aliases.items():
            for alias in aliases.split():
                sequences[alias] = sequence
                owners.setdefault(alias, []).append(naming)
    return sequences, {alias: owner[0] for alias, owner in owners.items() if len(owner) == 1}
