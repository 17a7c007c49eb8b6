# SPDX-License-Identifier: Apache-2.0
"""One scan is taken for each sequence by a rule that is told; where it cannot tell, it refuses."""

from pathlib import Path

import pytest
from scripts.common.errors import ScanError
from scripts.preprocess.choose import choose
from scripts.preprocess.series import Series

TIMES = {
    "t1": {"EchoTime": 0.003, "RepetitionTime": 0.008},
    "t2": {"EchoTime": 0.1, "RepetitionTime": 5.0},
    "flair": {"EchoTime": 0.12, "RepetitionTime": 9.0, "InversionTime": 2.5},
}


def series(number, description, kind="t1", sizes=(1.0, 1.0, 1.0), **facts):
    facts = {"SeriesNumber": number, "SeriesDescription": description} | TIMES[kind] | facts
    return Series(Path(f"{number}.nii.gz"), facts, (200, 200, 160), sizes)


def numbers(chosen):
    return {name: scan.facts["SeriesNumber"] for name, (scan, _) in chosen.items()}


def test_each_sequence_gets_its_scan_and_the_others_are_told():
    scans = [series(2, "T2", "t2"), series(3, "FLAIR", "flair"), series(4, "T1"), series(5, "T1 GD"), series(6, "DWI")]
    chosen, left = choose("P1", scans)
    assert numbers(chosen) == {"t1": 4, "t1ce": 5, "t2": 2, "flair": 3} and list(chosen) == [
        "t1",
        "t1ce",
        "t2",
        "flair",
    ]
    assert [(scan.facts["SeriesNumber"], why) for scan, why in left] == [
        (6, "not one of the four sequences, by 'dwi' in its description")
    ]


def test_of_two_the_finer_is_taken():
    chosen, left = choose("P1", [series(2, "T2 thick", "t2", (0.5, 0.5, 5.0)), series(7, "T2 SPACE", "t2")])
    assert numbers(chosen) == {"t2": 7}
    assert chosen["t2"][1].endswith("; the finest voxels (1 mm)")
    assert left[0][1].startswith("t2, but series 7 (T2 SPACE) was taken: ")


def test_originals_are_taken_before_finer_reformatted_ones():
    scans = [series(2, "T2", "t2", (1, 1, 3.0)), series(3, "T2 cor", "t2", ImageType=["DERIVED", "SECONDARY", "MPR"])]
    assert numbers(choose("P1", scans)[0]) == {"t2": 2}


def test_of_repetitions_the_last_is_taken():
    chosen, _ = choose("P1", [series(2, "T2", "t2"), series(3, "T2", "t2")])
    assert numbers(chosen) == {"t2": 3} and "the last of its repetitions" in chosen["t2"][1]


def test_of_repetitions_the_last_is_taken_by_their_times():
    scans = [series(2, "T2", "t2", AcquisitionTime="10:09:5.0"), series(3, "T2", "t2", AcquisitionTime="9:50:30.0")]
    assert numbers(choose("P1", scans)[0]) == {"t2": 2}


def two_echoes(kind, *echoes):
    """Scans of one series, as dcm2niix writes them."""
    repetition = 0.6 if kind.startswith("t1") else 3.0
    facts = {
        "SeriesNumber": 4,
        "SeriesDescription": kind,
        "RepetitionTime": repetition,
        "AcquisitionTime": "10:00:00.0",
    }
    return [Series(Path(f"4_e{i}.nii.gz"), facts | {"EchoTime": e}, (200, 200, 160)) for i, e in enumerate(echoes, 1)]


def test_of_two_echoes_the_one_whose_times_say_the_sequence_is_taken():
    chosen, left = choose("P1", two_echoes("t1_me_nativ", 0.01, 0.05))
    assert chosen["t1"][0].file.name == "4_e1.nii.gz" and "the echo times of others do not fit" in chosen["t1"][1]
    assert [scan.file.name for scan, _ in left] == ["4_e2.nii.gz"]


def test_the_proton_density_echo_of_a_dual_t2_is_left_out():
    chosen, left = choose("P1", two_echoes("t2_tse_dual", 0.012, 0.09))
    assert chosen["t2"][0].file.name == "4_e2.nii.gz" and "TE 12 ms" in left[0][1]


def test_two_echoes_that_both_say_the_sequence_are_refused_with_their_files():
    with pytest.raises(
        ScanError, match=r"dual\) in 4_e1.nii.gz and .* in 4_e2.nii.gz both seem to be the t2.*--choice"
    ):
        choose("P1", two_echoes("t2_tse_dual", 0.08, 0.1))


def test_scans_of_one_time_are_no_repetitions():
    scans = [series(number, "T2", "t2", AcquisitionTime="10:00:00.0") for number in (2, 3)]
    with pytest.raises(ScanError, match="both seem to be the t2"):
        choose("P1", scans)


def test_two_that_differ_in_nothing_but_their_names_are_refused():
    with pytest.raises(
        ScanError, match=r"P1: series 2 \(T2 a\) and series 3 \(T2 b\) both seem to be the t2.*--choice"
    ):
        choose("P1", [series(2, "T2 a", "t2"), series(3, "T2 b", "t2")])


def test_the_user_may_name_the_scan():
    scans = [series(2, "T2 a", "t2"), series(3, "T2 b", "t2"), series(4, "T1 odd", "t2")]
    for wish in ("3", "t2 B", "3.nii.gz"):
        chosen, _ = choose("P1", scans, {"t2": wish, "t1": "4"})
        assert numbers(chosen) == {"t1": 4, "t2": 3} and chosen["t2"][1] == "named by the user"


def test_the_user_may_leave_a_sequence_out():
    chosen, left = choose("P1", [series(2, "T2", "t2"), series(3, "FLAIR", "flair")], {"t2": None})
    assert numbers(chosen) == {"flair": 3} and left[0][1] == "t2, left out by --choice"


@pytest.mark.parametrize(
    "wishes, message",
    [
        ({"t2": "9"}, "'9', its t2 by --choice, fits no scan: name one of series 2"),
        ({"t2": "2", "t1": "2"}, "gives one scan to two sequences"),
    ],
)
def test_a_wish_that_cannot_be_followed_is_refused(wishes, message):
    with pytest.raises(ScanError, match=message):
        choose("P1", [series(2, "T2", "t2")], wishes)


def test_several_t1_of_which_none_tells_of_contrast_are_refused():
    with pytest.raises(ScanError, match="nothing tells which was taken after the contrast agent.*t1ce"):
        choose("P1", [series(2, "T1 ax", sizes=(1, 1, 5.0)), series(9, "T1 ax")])


def test_one_t1_that_tells_nothing_is_the_t1_beside_a_t1ce():
    assert numbers(choose("P1", [series(2, "T1 ax"), series(9, "T1 ax GD")])[0]) == {"t1": 2, "t1ce": 9}


THICK = (1.0, 1.0, 5.0)


def test_a_t1_acquired_after_the_t1ce_is_left_out_although_it_is_finer():
    scans = [
        series(2, "t1_se_tra", sizes=THICK, AcquisitionTime="10:00:00.0"),
        series(3, "t1_se_tra_KM", sizes=THICK, AcquisitionTime="10:30:00.0"),
        series(4, "t1_mprage_sag", AcquisitionTime="10:35:00.0"),
    ]
    for times in (True, False):  # without times by the series numbers
        chosen, left = choose("P1", scans)
        assert numbers(chosen) == {"t1": 2, "t1ce": 3} and chosen["t1"][1].endswith("acquired before the T1ce")
        why = "t1, but acquired after series 3 (t1_se_tra_KM), so the contrast agent may be in it"
        assert [(scan.facts["SeriesNumber"], told) for scan, told in left] == [(4, why)]
        for scan in scans:
            scan.facts.pop("AcquisitionTime", None)


def test_a_t1_before_midnight_is_before_a_t1ce_after_it():
    scans = [series(9, "T1", AcquisitionTime="23:50:00.0"), series(3, "T1 GD", AcquisitionTime="0:10:00.0")]
    assert numbers(choose("P1", scans)[0]) == {"t1": 9, "t1ce": 3}


def test_a_t1_that_says_native_is_taken_before_a_finer_one_that_says_nothing():
    scans = [
        series(2, "t1_se_tra_nativ", sizes=THICK, AcquisitionTime="10:00:00.0"),
        series(4, "t1_mprage_sag", AcquisitionTime="10:35:00.0"),
    ]
    chosen, left = choose("P1", scans)
    assert numbers(chosen) == {"t1": 2} and chosen["t1"][1].endswith("; others say nothing of contrast")
    assert left[0][1].startswith("t1, but series 2 (t1_se_tra_nativ) was taken")


def test_where_the_only_t1_comes_after_the_t1ce_the_user_is_asked():
    scans = [series(3, "T1 GD"), series(4, "T1 sag"), series(5, "T2", "t2")]
    with pytest.raises(ScanError, match=r"series 4 \(T1 sag\) may have the contrast agent of series 3.*null.*--choice"):
        choose("P1", scans)
    assert numbers(choose("P1", scans, {"t1": None})[0]) == {"t1ce": 3, "t2": 5}
    assert numbers(choose("P1", scans, {"t1": "4"})[0]) == {"t1": 4, "t1ce": 3, "t2": 5}


def test_a_t1ce_that_the_user_names_tells_what_comes_after_it():
    scans = [series(2, "T1 ax", sizes=THICK), series(3, "T1 b", sizes=THICK), series(4, "T1 sag")]
    assert numbers(choose("P1", scans, {"t1ce": "3"})[0]) == {"t1": 2, "t1ce": 3}


def test_several_silent_t1_of_unknown_order_beside_a_t1ce_are_refused():
    scans = [Series(Path(f"{name}.nii.gz")) for name in ("t1_tra", "t1_sag", "t1_tra_gd_mpr")]
    with pytest.raises(ScanError, match="t1_tra.nii.gz and t1_sag.nii.gz are T1, and nothing tells which was taken"):
        choose("P1", scans)
    assert set(choose("P1", scans[1:])[0]) == {"t1", "t1ce"}


def test_scans_of_two_studies_are_refused():
    scans = [series(2, "T2", "t2", study="a"), series(3, "FLAIR", "flair", study="b")]
    with pytest.raises(ScanError, match="are of different studies"):
        choose("P1", scans)


def two_studies():
    """Both complete; that of 2021 was acquired earlier in the day."""
    return [
        series(number + add, name, kind, study=study, AcquisitionTime=f"{hour}:{20 + number}:00.0")
        for study, hour, add in (("2019", 10, 20), ("2021", 9, 0))
        for number, name, kind in ((2, "T1 native", "t1"), (3, "T1 GD", "t1"), (4, "FLAIR", "flair"))
    ]


def test_two_complete_studies_are_refused_although_the_later_hour_would_give_one():
    with pytest.raises(ScanError, match=r"series 22 .* and series 2 .* are of different studies.*--choice"):
        choose("P1", two_studies())
    with pytest.raises(ScanError, match="are of different studies"):
        choose("P1", two_studies(), {"t1": "2", "t1ce": None})


def test_the_user_may_choose_one_of_two_studies_but_no_mixture():
    scans = [*two_studies(), series(9, "DWI", study="2023")]
    wishes = {"t1": "2", "t1ce": "3", "flair": None}
    assert numbers(choose("P1", scans, wishes)[0]) == {"t1": 2, "t1ce": 3}
    with pytest.raises(ScanError, match="are of different studies"):
        choose("P1", scans, wishes | {"flair": "24"})


def test_a_chosen_scan_with_missing_slices_is_refused_and_one_that_is_not_chosen_is_not():
    scans = [series(2, "T2", "t2"), series(3, "FLAIR", "flair", gaps="Interslice distance varies")]
    with pytest.raises(ScanError, match=r"P1: slices of series 3 \(FLAIR\) are missing \('Interslice .*null.*--choice"):
        choose("P1", scans)
    with pytest.raises(ScanError, match="are missing"):
        choose("P1", scans, {"flair": "3"})
    assert numbers(choose("P1", scans, {"flair": None})[0]) == {"t2": 2}


def test_a_subject_without_any_known_scan_is_refused_with_what_its_scans_are():
    with pytest.raises(ScanError, match=r"P1: none of its scans.*series 6 \(DWI\): not one of the four"):
        choose("P1", [series(6, "DWI")])
