# SPDX-License-Identifier: Apache-2.0
"""Each row of the table of namings has its effect on sequences, subjects, patients and label conventions."""

from pathlib import Path

import pytest
import torch
from scripts.common import namings
from scripts.common.errors import ScanError
from scripts.common.labels import LABEL_CONVENTIONS, RegionsFromLabeld
from scripts.common.namings import NAMINGS, Naming, naming_of
from scripts.common.sequences import SEQUENCES, parse_filename, sequence_of_name
from scripts.data.datalist import subjects_in
from scripts.data.splits import patient_of

# by hand, from the examples: the sequences of each subject, the patient of all, the label convention
EXPECTED = {
    "BraTS-PED": ({"BraTS-PED-00001-000": {"t1ce"}}, "BraTS-PED-00001", "brats2023"),
    "BraTS 2023 and later": (
        {"BraTS-GLI-00005-000": {"t1ce", "label"}, "BraTS-GLI-00005-001": {"flair"}},
        "BraTS-GLI-00005",
        "brats2023",
    ),
    "BraTS 2017 to 2021": ({"BraTS2021_00006": {"t1ce", "label"}}, "BraTS2021_00006", "brats"),
    "MSD Task01_BrainTumour": ({"BRATS_001": {*SEQUENCES, "label"}}, "BRATS_001", "msd"),
    "BIDS": ({"sub-01_ses-1": {"t1"}, "sub-01_ses-2": {"t1ce"}}, "sub-01", "brats"),
    "UPENN-GBM": (
        {"UPENN-GBM-00001_11": {"t1ce", "label"}, "UPENN-GBM-00001_21": {"flair"}},
        "UPENN-GBM-00001",
        "brats",
    ),
    "UCSF-PDGM": (
        {"UCSF-PDGM-0433_nifti": {"t1ce", "label"}, "UCSF-PDGM-0433_FU001d_nifti": {"t2"}},
        "UCSF-PDGM-0433",
        "brats",
    ),
    "LUMIERE": ({"Patient-001_week-000-1": {"t1ce"}, "Patient-001_week-044": {"t2"}}, "Patient-001", "brats"),
    "TCGA-GBM and TCGA-LGG": ({"TCGA-02-0006": {"t1ce", "label"}}, "TCGA-02-0006", "brats"),
    "EGD": ({"EGD-0001": {"t1ce"}}, "EGD-0001", "brats"),
    "any other <subject>_<sequence>.nii.gz": ({"S1": {"t1ce", "label"}}, "S1", "brats"),
}


def write_examples(naming, root):
    for example in naming.examples:
        file = root / example
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if naming.name == "LUMIERE":  # its subjects need their path if two patients have a time point of one name
        (root / "Patient-002" / "week-044").mkdir(parents=True)
        (root / "Patient-002" / "week-044" / "T2.nii.gz").touch()


@pytest.mark.parametrize("naming", NAMINGS, ids=lambda naming: naming.name)
def test_the_examples_of_a_row_are_one_patient_with_its_sequences_and_convention(naming, tmp_path):
    write_examples(naming, tmp_path)
    items = [item for item in subjects_in(tmp_path, SEQUENCES) if "002" not in item["subject"]]
    sequences, patient, label_convention = EXPECTED[naming.name]
    assert {item["subject"]: item.keys() - {"subject", "label_convention"} for item in items} == sequences
    assert {patient_of(item) for item in items} == {patient}
    assert {item["label_convention"] for item in items} == {label_convention}


@pytest.mark.parametrize("naming", NAMINGS, ids=lambda naming: naming.name)
def test_each_alias_of_a_row_names_its_sequence(naming):
    for sequence, aliases in naming.aliases.items():
        assert {sequence_of_name(alias) for alias in aliases.split()} == {sequence}
    assert set(naming.label_conventions) <= set(LABEL_CONVENTIONS)


def test_a_new_row_is_all_that_a_new_naming_needs(monkeypatch, tmp_path):
    row = Naming(
        "Ward 7",
        (
            "ward7-3_day1/ward7-3_day1_KM.nii.gz",
            "ward7-3_day1/ward7-3_day1_ROI.nii.gz",
            "ward7-3_day2/ward7-3_day2_T1.nii.gz",
        ),
        {"t1": "t1", "t1ce": "km", "label": "roi"},
        subject=r"(ward7-\d+)_day",
        label_conventions=("msd",),
        refused_labels={3: "a cyst"},
    )
    assert parse_filename(Path(row.examples[0]).name) is None
    monkeypatch.setattr(namings, "NAMINGS", (row, *NAMINGS))
    write_examples(row, tmp_path)
    first, second = subjects_in(tmp_path, SEQUENCES)
    assert first.keys() == {"subject", "label_convention", "t1ce", "label"} and "t1" in second
    assert patient_of(first) == patient_of(second) == "ward7-3"
    assert first["label_convention"] == "msd"
    assert "Ward 7 (ward7-3_day1/ward7-3_day1_KM.nii.gz)" in namings.understood()
    with pytest.raises(ScanError, match="ward7-3_day1: .* holds label value 3, which is a cyst and is not understood"):
        RegionsFromLabeld()({"subject": "ward7-3_day1", "label_convention": "msd", "label": torch.tensor([[[[3]]]])})


def test_the_first_naming_that_fits_counts():
    assert naming_of("BraTS-PED-00001-000").name == "BraTS-PED"
    assert naming_of("S1") is None
    # only BraTS 2023 has t1n and t2f; t1c is UCSF-PDGM's, too
    assert (
        naming_of("S1", ["t1n"]).label_conventions == naming_of("sub-01", ["t2f"]).label_conventions == ("brats2023",)
    )
    assert naming_of("S1", ["t1c", "t2w"]) is None
