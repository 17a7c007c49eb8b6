# SPDX-License-Identifier: Apache-2.0
"""`segment` gives what the config gives, from files or arrays, for all fifteen subsets of the sequences."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scripts.common.errors import ScanError, UserError
from scripts.common.sequences import SEQUENCES, limited_subsets
from scripts.inference.segment import as_arguments, segment
from tiny import ROOT, run

KEYS = {"spacing": 4.0, "filters": [4, 8, 16], "device": "cpu", "amp": False}


def _files(subject, sequences):
    return {name: subject / f"{subject.name}_{name}.nii.gz" for name in sequences}


@pytest.fixture(scope="module")
def result(one_subject, fifteen):
    return segment(**_files(one_subject, ["t1ce", "flair"]), ckpt_dir=fifteen, probabilities=True, **KEYS)


def test_files_give_what_the_batch_command_gives(one_subject, fifteen, result, tmp_path):
    keys = KEYS | {"dataset_dir": str(one_subject.parent), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path)}
    keys |= {"bundle_root": str(ROOT), "student_modalities": ["t1ce", "flair"]}
    run("inference.json", "batch_inference.json", kind="infer", **keys)
    saved = nib.load(tmp_path / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert np.array_equal(np.asarray(saved.dataobj), result.label_map)
    np.testing.assert_allclose(saved.affine, result.affine)
    record = json.loads((tmp_path / one_subject.name / f"{one_subject.name}_seg.json").read_text())
    assert record.pop("label_map_sha256") and record.pop("replaced_sha256") is None
    assert record.pop("probabilities_sha256") is record.pop("replaced_probabilities_sha256") is None
    assert record | {"subject": "subject"} == result.record


def test_arrays_give_what_files_give(one_subject, fifteen, result):
    images = {name: nib.load(path) for name, path in _files(one_subject, ["t1ce", "flair"]).items()}
    arrays = {name: np.asarray(image.dataobj) for name, image in images.items()}
    again = segment(**arrays, affine=images["flair"].affine, ckpt_dir=fifteen, probabilities=True, **KEYS)
    assert np.array_equal(again.label_map, result.label_map)
    np.testing.assert_allclose(again.probabilities, result.probabilities, atol=1e-6)


def test_brains_that_overlap_too_little_for_one_patient_are_flagged(one_subject, fifteen, result):
    images = {name: nib.load(path) for name, path in _files(one_subject, ["t1ce", "flair"]).items()}
    arrays = {name: np.asarray(image.dataobj) for name, image in images.items()}
    arrays["flair"] = np.roll(arrays["flair"], 2, axis=0)
    flags = segment(**arrays, affine=images["flair"].affine, ckpt_dir=fifteen, **KEYS).flags
    (flag,) = [flag for flag in flags if "overlap" in flag]
    assert re.fullmatch(
        r"only [78]\d% of the brains of t1ce and flair overlap: another patient's scan, a mirrored one, or not "
        r"co-registered\?",
        flag,
    )
    assert not any("overlap" in flag for flag in result.flags)


def test_a_metatensor_may_have_the_affine_that_is_given_too(one_subject, fifteen, result):
    images = {name: nib.load(path) for name, path in _files(one_subject, ["t1ce", "flair"]).items()}
    affine = images["flair"].affine
    arrays = {name: np.asarray(image.dataobj).astype(np.float32) for name, image in images.items()}
    arrays["flair"] = MetaTensor(arrays["flair"], affine=affine)
    again = segment(**arrays, affine=affine, ckpt_dir=fifteen, **KEYS)
    assert np.array_equal(again.label_map, result.label_map)


def test_result_says_what_was_done(one_subject, fifteen, result):
    assert result.label_map.dtype == np.uint8 and result.sequences == ("t1ce", "flair")
    assert result.network == str(fifteen / "model_t1ce_flair.pt")
    assert result.probabilities.shape == (3, *result.label_map.shape)
    # 4 mm voxels are 0.064 ml
    assert result.volumes_ml["wt"] == pytest.approx(0.064 * (result.label_map > 0).sum(), abs=1e-3)
    assert result.volumes_ml["et"] == pytest.approx(0.064 * (result.label_map == 4).sum(), abs=1e-3)


@pytest.mark.parametrize("sequences", [*limited_subsets(), SEQUENCES], ids="+".join)
def test_every_choice_of_sequences_has_its_own_network(one_subject, fifteen, sequences):
    done = segment(**_files(one_subject, sequences), ckpt_dir=fifteen, **KEYS)
    name = "teacher.pt" if sequences == SEQUENCES else f"model_{'_'.join(sequences)}.pt"
    assert done.network == str(fifteen / name) and done.sequences == sequences and done.probabilities is None


def test_output_saves_label_map_record_and_probabilities(one_subject, fifteen, tmp_path):
    out = tmp_path / "results" / "a_seg.nii.gz"
    done = segment(**_files(one_subject, ["t2"]), output=out, ckpt_dir=fifteen, probabilities=True, **KEYS)
    assert {f.name for f in out.parent.iterdir()} == {"a_seg.nii.gz", "a_seg.json", "a_probabilities.nii.gz"}
    assert np.array_equal(np.asarray(nib.load(out).dataobj), done.label_map)
    assert json.loads((out.parent / "a_seg.json").read_text())["subject"] == "a"


def test_weights_that_were_replaced_are_loaded_and_recorded(one_subject, fifteen, tmp_path):
    for ending in ("pt", "json"):
        shutil.copy(fifteen / f"model_t2.{ending}", tmp_path)
    scans, file = _files(one_subject, ["t2"]), tmp_path / "model_t2.pt"
    before = segment(**scans, ckpt_dir=tmp_path, probabilities=True, **KEYS)
    weights = torch.load(file, weights_only=True)
    torch.save({name: tensor * 1.5 for name, tensor in weights.items()}, file)
    os.utime(file, (0, 1))
    after = segment(**scans, ckpt_dir=tmp_path, probabilities=True, **KEYS)
    assert after.record["networks"][0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert before.record["networks"][0]["sha256"] != after.record["networks"][0]["sha256"]
    assert not np.array_equal(before.probabilities, after.probabilities)


def test_keys_of_the_config_are_taken_and_misspelt_ones_refused(one_subject, fifteen):
    scans = _files(one_subject, ["t1ce", "flair"]) | {"ckpt_dir": fifteen}
    done = segment(**scans, label_convention="brats2023", test_time_mirroring=True, et_min_ml=1e6, **KEYS)
    assert done.volumes_ml["et"] == 0 and set(np.unique(done.label_map)) <= {0, 1, 2}
    assert set(done.record["quality"]["mirror_disagreement"]) == {"tc", "wt", "et"}
    with pytest.raises(UserError, match="'et_min': did you mean 'et_min_ml'"):
        segment(**scans, et_min=1, **KEYS)
    with pytest.raises(UserError, match="label_convention is 'msd', but must be one of"):
        segment(**scans, label_convention="msd", **KEYS)


@pytest.mark.parametrize(
    "old, new", [({"mirror": True}, "test_time_mirroring"), ({"numbering": "brats"}, "label_convention")]
)
def test_old_argument_names_are_answered_with_the_new_ones(one_subject, fifteen, old, new):
    with pytest.raises(UserError, match=f"renamed to {new}"):
        segment(**_files(one_subject, ["t2"]), ckpt_dir=fifteen, **old, **KEYS)


def test_it_works_from_another_folder_that_has_scripts_of_its_own(one_subject, fifteen, tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "__init__.py").write_text("raise ImportError('the wrong scripts')")
    (tmp_path / "s_t2.nii.gz").write_bytes((one_subject / f"{one_subject.name}_t2.nii.gz").read_bytes())
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from scripts.inference.segment import segment
segment(t2="s_t2.nii.gz", output="s_seg.nii.gz", ckpt_dir={str(fifteen)!r}, **{KEYS!r})
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "s_seg.nii.gz").is_file() and (tmp_path / "s_seg.json").is_file()


def test_keys_for_folders_are_refused(one_subject, fifteen):
    with pytest.raises(UserError, match="student_modalities only applies to runs from the command line"):
        segment(flair=one_subject / f"{one_subject.name}_flair.nii.gz", student_modalities=["t1"], **KEYS)


def test_a_bad_scan_is_refused_and_the_next_call_is_not_affected(one_subject, fifteen, tmp_path, result):
    bad = tmp_path / "x_flair.nii.gz"
    bad.write_bytes((one_subject / f"{one_subject.name}_flair.nii.gz").read_bytes()[:500])
    with pytest.raises(ScanError, match="x_flair.nii.gz cannot be read"):
        segment(flair=bad, ckpt_dir=fifteen, **KEYS)
    again = segment(**_files(one_subject, ["t1ce", "flair"]), ckpt_dir=fifteen, **KEYS)
    assert np.array_equal(again.label_map, result.label_map)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({}, "No scan was given: give at least one of t1, t1ce, t2, flair"),
        ({"flair": "nowhere.nii.gz"}, "nowhere.nii.gz does not exist"),
        ({"flair": np.ones((4, 4, 4))}, "flair is an array: also give the affine"),
        ({"flair": np.ones((4, 4, 4)), "affine": np.eye(3)}, r"affine has the shape \(3, 3\)"),
        ({"flair": "x.nii.gz", "output": "x.mha"}, "output is x.mha, but must be a name that ends in"),
        ({"flair": "x.nii.gz", "output": 5}, "output is 5, but must be a path"),
        ({"flair": "x" * 5000}, "xxx ... xxx.* does not exist"),
        ({"flair": 5, "affine": np.eye(4)}, "flair is of the type int, but must be a path or an array"),
        ({"flair": [[1], [1, 2]], "affine": np.eye(4)}, "flair is of the type list, but must be a path or an array"),
        ({"flair": np.ones((4, 4, 4)) * 1j, "affine": np.eye(4)}, "but must be a path or an array .* of real numbers"),
        ({"flair": np.ones((4, 4, 4)), "affine": "eye"}, "affine is of the type str, but must be an array"),
        (
            {"flair": "x.nii.gz", "affine": np.eye(4)},
            "affine was given, but only files, which have .*: leave affine out",
        ),
        (
            {"flair": MetaTensor(np.ones((4, 4, 4))), "affine": np.diag([2.0, 2, 2, 1])},
            r"flair is a MetaTensor whose own affine differs .*: leave affine out, or give .* flair.as_tensor\(\)",
        ),
        ({"image": "x.nii.gz"}, "image is a key of the command line: give each sequence by its name"),
        ({"t1c": "x.nii.gz"}, "'t1c' is not an argument: did you mean t1ce"),
        ({"T1Gd": "x.nii.gz"}, "'T1Gd' is not an argument: did you mean t1ce"),
        ({"FLAIR": "x.nii.gz"}, "'FLAIR' is not an argument: did you mean flair"),
        ({"flare": "x.nii.gz"}, "'flare' is not an argument: did you mean flair"),
        ({"flair": "x.nii.gz", "output": ".nii.gz"}, "output is .nii.gz, but must be a name that ends in"),
        ({"flair": "x.nii.gz", "probabilities": "no"}, "probabilities is 'no', but must be True or False"),
        ({"flair": "x.nii.gz", "outputs": "y.nii.gz"}, "'outputs' is not an argument: did you mean output"),
    ],
)
def test_impossible_arguments_are_refused_in_a_sentence(arguments, sentence, fifteen):
    with pytest.raises(UserError, match=sentence):
        segment(**arguments, ckpt_dir=fifteen, **KEYS)


def test_sequences_without_a_network_are_refused_with_those_that_have_one(one_subject, tmp_path, fifteen):
    for ending in ("pt", "json"):
        (tmp_path / f"model_t2.{ending}").write_bytes((fifteen / f"model_t2.{ending}").read_bytes())
    with pytest.raises(ScanError, match=r"has no network for its sequences t1, only for t2 \(model_t2.pt\)"):
        segment(**_files(one_subject, ["t1"]), ckpt_dir=tmp_path, **KEYS)


def test_an_interrupted_call_does_not_spoil_the_next(one_subject, fifteen, monkeypatch):
    scan = str(next(one_subject.glob("*_t2.nii.gz")))
    expected = segment(t2=scan, ckpt_dir=fifteen, **KEYS).label_map

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("scripts.inference.routing.RoutedInferer.__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            segment(t2=scan, ckpt_dir=fifteen, **KEYS)
    assert np.array_equal(segment(t2=scan, ckpt_dir=fifteen, **KEYS).label_map, expected)


def test_a_scan_is_not_overwritten_by_its_segmentation(one_subject, fifteen, tmp_path):
    scan = tmp_path / "a_t2.nii.gz"
    scan.write_bytes(next(one_subject.glob("*_t2.nii.gz")).read_bytes())
    before = scan.read_bytes()
    with pytest.raises(UserError, match="a_t2.nii.gz exists and was not made by inference"):
        segment(t2=scan, output=scan, ckpt_dir=fifteen, **KEYS)
    assert scan.read_bytes() == before
    for _ in range(2):  # its own output may be made anew
        segment(t2=scan, output=tmp_path / "a_seg.nii.gz", ckpt_dir=fifteen, **KEYS)


def test_numbers_of_numpy_are_keys_too(one_subject, fifteen):
    scan = str(next(one_subject.glob("*_t2.nii.gz")))
    done = segment(t2=scan, ckpt_dir=fifteen, et_min_ml=np.float32(0.5), **KEYS)
    assert done.record["settings"]["et_min_ml"] == 0.5


def test_eight_threads_get_the_results_of_their_own_subjects(fifteen, tmp_path):
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    scans = []
    for number in range(8):
        scan = np.zeros((20 + number, 20, 20), np.float32)
        scan[4 : 12 + number, 4:14, 4:14] = np.random.default_rng(number).uniform(1, 2, (8 + number, 10, 10))
        scans.append(scan)

    def shape_and_voxels(scan):
        result = segment(flair=scan, affine=affine, ckpt_dir=fifteen, spacing=4.0, filters=[4, 8, 16])
        return result.label_map.shape, int(result.label_map.sum())

    alone = [shape_and_voxels(scan) for scan in scans]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shape_and_voxels, scans)) == alone
    assert [shape for shape, _ in alone] == [scan.shape for scan in scans]


def test_a_fifth_scan_without_a_name_is_refused():
    with pytest.raises(UserError, match="5 scans were given by their place, but there are only t1, t1ce, t2 and flair"):
        segment("1.nii.gz", "2.nii.gz", "3.nii.gz", "4.nii.gz", "5.nii.gz")


def test_a_file_is_not_taken_against_its_own_name(one_subject, fifteen, tmp_path):
    scans = _files(one_subject, ["t1ce", "flair"])
    with pytest.raises(UserError, match="_t1ce.nii.gz was given as the t1, but its own name says t1ce: .* t1ce='S1_t1"):
        segment(scans["t1ce"], scans["flair"], ckpt_dir=fifteen, **KEYS)
    for name in ("x_seg.nii.gz", "S_CE_t1.nii.gz", "S_CE_flair.nii.gz", "unnamed.nii.gz"):
        shutil.copy(scans["flair"], tmp_path / name)
    with pytest.raises(UserError, match="x_seg.nii.gz was given as the flair, but its own name says a label map: give"):
        segment(flair=tmp_path / "x_seg.nii.gz", ckpt_dir=fifteen, **KEYS)
    assert segment(flair=tmp_path / "unnamed.nii.gz", ckpt_dir=fifteen, **KEYS).sequences == ("flair",)
    shutil.copy(scans["t1ce"], tmp_path / "S_CE_t1.nii.gz")  # the files together tell that CE is the subject's
    together = {"t1": tmp_path / "S_CE_t1.nii.gz", "flair": tmp_path / "S_CE_flair.nii.gz"}
    assert segment(**together, ckpt_dir=fifteen, **KEYS).sequences == ("t1", "flair")


def test_errors_speak_of_arguments_and_not_of_switches(one_subject, fifteen, tmp_path):
    assert as_arguments('set --spacing 2, --filters "[4, 8]"') == "set spacing=2, filters=[4, 8]"
    assert as_arguments("with --resample true. Leave --device out.") == "with resample=True. Leave device out."
    scans = _files(one_subject, ["t1ce", "flair"])
    image = nib.load(scans["flair"])
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[1:], image.affine), tmp_path / "flair.nii.gz")
    with pytest.raises(ScanError, match="let inference resample them with resample=True") as caught:
        segment(**scans | {"flair": tmp_path / "flair.nii.gz"}, ckpt_dir=fifteen, **KEYS)
    assert "--" not in str(caught.value)
    with pytest.raises(ScanError, match="set spacing=4"):
        segment(**scans, ckpt_dir=fifteen, **KEYS | {"spacing": 2.0})


def test_a_tilde_is_the_home_folder_in_every_path(one_subject, fifteen, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").symlink_to(fifteen)
    (tmp_path / "t2.nii.gz").symlink_to(next(one_subject.glob("*_t2.nii.gz")))
    segment(t2="~/t2.nii.gz", output="~/out/a_seg.nii.gz", ckpt_dir="~/models", **KEYS)
    assert (tmp_path / "out" / "a_seg.nii.gz").is_file()


def test_exhausted_memory_is_told_as_such(one_subject, fifteen, monkeypatch):
    def exhausted(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes.")

    with monkeypatch.context() as patch:
        patch.setattr("scripts.inference.inferer.BrainBoxInferer._probabilities", exhausted)
        with pytest.raises(ScanError, match="subject: there is not enough memory: end other programs"):
            segment(**_files(one_subject, ["t2"]), ckpt_dir=fifteen, **KEYS)
    segment(**_files(one_subject, ["t2"]), ckpt_dir=fifteen, **KEYS)


def test_a_label_map_that_was_changed_since_is_not_overwritten(one_subject, fifteen, tmp_path):
    scans, out = _files(one_subject, ["t2"]), tmp_path / "a_seg.nii.gz"
    segment(**scans, output=out, ckpt_dir=fifteen, **KEYS)
    out.write_bytes(b"drawn by hand")
    with pytest.raises(UserError, match="a_seg.nii.gz was changed after inference, so it is not overwritten: move it"):
        segment(**scans, output=out, ckpt_dir=fifteen, **KEYS)
    assert out.read_bytes() == b"drawn by hand"
