# SPDX-License-Identifier: Apache-2.0
"""What the page of an inference says about each subject."""

import json

from scripts.inference.table import write_table
from scripts.report.parts import write_part

from tests.report.helpers import VOLUMES, facts, save_expected, save_label_map_with_record, save_parts, write_page


def test_a_subject_has_volumes_network_and_expected_accuracy(tmp_path):
    save_parts(tmp_path, facts())
    page = write_page(tmp_path, expected=save_expected(tmp_path))
    for text in (
        "56.8 ml",
        "12.3 ml",
        "<b>none</b>",
        "by model.pt",
        "T1ce + FLAIR",
        "picture of 2",
        "Not a medical device",
    ):
        assert text in page
    assert "<b>0.75</b>\n<small>0.50 to 0.90</small>" in page


def test_expected_accuracy_is_called_the_mean_of_a_group_and_not_of_this_patient(tmp_path):
    save_parts(tmp_path, facts())
    page = " ".join(write_page(tmp_path, expected=save_expected(tmp_path)).split())
    assert "<th>Dice, group mean</th>" in page and "The group: three real subjects." in page
    assert "The Dice is not of this patient. It is the mean over a group of subjects" in page


def test_table_label_map_and_record_are_linked_where_they_are(tmp_path):
    odd = 'a "b" #1<i>'
    save_parts(tmp_path, facts(odd), facts("gone"))
    save_label_map_with_record(tmp_path, odd)
    assert "segmentations.csv" not in write_page(tmp_path)
    write_table(tmp_path, {})
    page = write_page(tmp_path)
    assert '<a href="segmentations.csv">segmentations.csv</a>' in page
    name = "a%20%22b%22%20%231%3Ci%3E"
    assert f'<a href="{name}/{name}_seg.nii.gz">a &#34;b&#34; #1&lt;i&gt;_seg.nii.gz</a>' in page
    assert page.count("_seg.json</a>") == 1 and "gone_seg" not in page


def test_expected_accuracy_that_was_not_measured_is_not_known(tmp_path):
    save_parts(tmp_path, facts(sequences=["t2"]))
    page = write_page(tmp_path, expected=save_expected(tmp_path))
    assert page.count("not known") == 3 and "with T2 has not been measured" in page


def test_retrained_networks_do_not_get_the_figures_of_the_shipped_ones(tmp_path):
    expected = save_expected(tmp_path, weights_sha256="shipped")
    save_parts(tmp_path, facts("S1"), facts("S2"), facts("S3"))
    save_label_map_with_record(tmp_path, "S1", networks=[{"file": "models/model.pt", "sha256": "shipped"}])
    save_label_map_with_record(tmp_path, "S2", networks=[{"file": "models/model.pt", "sha256": "retrained"}])
    page = write_page(tmp_path, expected=expected)  # S3 has no record: nobody knows its network
    assert page.count("<b>0.75</b>") == 3 and page.count("not known") == 2 * 3
    assert page.count("How accurate this network is with T1ce + FLAIR has not been measured.") == 2


def test_flagged_subjects_come_first_with_their_flags(tmp_path):
    save_parts(tmp_path, facts("A"), facts("B"))
    (tmp_path / "B").mkdir()
    written = {
        "flags": ["ET is larger than in training"],
        "networks": [{"file": "models/teacher.pt"}],
        "volumes_ml": VOLUMES | {"et": 99.9},
    }
    (tmp_path / "B" / "B_seg.json").write_text(json.dumps(written))
    page = write_page(tmp_path)
    assert page.index("<h3>B</h3>") < page.index("<h3>A</h3>")
    assert "<b>Check:</b> ET is larger than in training" in page and "by teacher.pt" in page and "99.9 ml" in page
    assert "<b>1</b> with a warning" in page


def test_a_subject_that_nobody_checked_does_not_say_no_warning(tmp_path):
    save_parts(tmp_path, facts("A"), facts("B", flags=[]))
    assert write_page(tmp_path).count("No warning.") == 1


def test_a_record_that_cannot_be_read_is_a_flag(tmp_path):
    save_parts(tmp_path, facts("A"))
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "A_seg.json").write_text("{")
    assert "A_seg.json cannot be read" in write_page(tmp_path)


def test_a_failed_subject_is_listed_with_its_sentence(tmp_path):
    save_parts(tmp_path, facts("A"))
    write_part(tmp_path / "report", {"subject": "B", "failed": "B: x.nii is empty: export it again."})
    page = write_page(tmp_path)
    assert "<li><b>B</b>: x.nii is empty: export it again.</li>" in page
    assert "<b>1</b> of 2 subjects were segmented; <b>1</b> failed." in page
