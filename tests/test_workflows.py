"""The configs as users run them, on a tiny simulated cohort: train, kill, resume, evaluate, segment."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser
from scripts.common.errors import user_message
from scripts.research.runs import configs
from tiny import TINY, run, tiny, workflow


def test_training_writes_student_teacher_and_last_with_provenance(trained):
    assert {f.name for f in trained.iterdir()} >= {"model.pt", "model.json", "teacher.pt", "teacher.json", "last.pt"}
    record = json.loads((trained / "model.json").read_text())
    assert record["sequences"] == ["t1ce", "flair"] and record["spacing"] == 4.0 and record["seed"] == 0
    assert "real_subjects" not in record  # the simulated ones are not named
    assert not [f for f in trained.iterdir() if f.name.startswith(".")]


def test_killed_training_resumes_to_the_same_weights(trained, cohort, tmp_path):
    output = str(tmp_path / "output")
    started = workflow("train.json", **tiny(cohort, output_dir=output))
    started.initialize()

    def kill(engine):
        if engine.state.epoch == 2:
            raise KeyboardInterrupt

    # networks get their random weights when they are first referred to: in the order of the run list here too
    started.parser.get_parsed_content("run#0")
    started.parser.get_parsed_content("run#1")
    started.parser.get_parsed_content("train#trainer").add_event_handler(Events.ITERATION_COMPLETED, kill)
    with pytest.raises(KeyboardInterrupt):
        started.run()
    assert torch.load(f"{output}/last.pt", weights_only=True)["trainer"]["iteration"] == 2
    run("train.json", **tiny(cohort, output_dir=output, resume=True))
    whole, resumed = (torch.load(Path(f) / "last.pt", weights_only=True) for f in (trained, output))
    assert whole["trainer"]["iteration"] == resumed["trainer"]["iteration"] == 4
    for name, value in whole["distiller"].items():
        torch.testing.assert_close(resumed["distiller"][name], value, atol=1e-5, rtol=1e-4)


def test_a_finished_training_goes_on_with_more_epochs_and_with_no_other_key(trained, cohort, tmp_path):
    shutil.copytree(trained, tmp_path / "o")
    with pytest.raises(Exception) as caught:
        run("train.json", **tiny(cohort, output_dir=str(tmp_path / "o"), resume=True, seed=3, epochs=3))
    assert "another configuration: seed (0, now 3). Resume it" in user_message(caught.value)
    keys = tiny(cohort, output_dir=str(tmp_path / "o"), resume=True, epochs=4, amp=False, val_interval=2)
    started = run("train.json", **keys)
    state = torch.load(tmp_path / "o" / "last.pt", weights_only=True)
    assert state["trainer"]["iteration"] == 8 and state["lr_scheduler"]["last_epoch"] == 8
    rate = started.parser.get_parsed_content("optimizer").param_groups[0]["lr"]
    assert rate == pytest.approx(0.002 / 25 / 1e4)  # the lowest of the schedule, at its end


@pytest.mark.parametrize("overlays", [(), ("unpaired",)])
def test_a_training_of_nine_steps_has_a_schedule_and_its_rate_is_that_of_the_optimiser(overlays):
    schedule = ConfigParser.load_config_files(configs(*overlays))["lr_scheduler"]
    parser = ConfigParser({"imports": ["$import torch"], "steps": [0] * 3, "train": {"trainer": {"max_epochs": 3}}})
    parser["distiller"] = SimpleNamespace(rate_groups=lambda rate, _: [{"lr": rate}])
    parser["translator_learning_rate"], parser["train#dataloader"] = 0.0, [0] * 3
    parser["optimizer"] = {"_target_": "torch.optim.SGD", "params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5}
    parser["lr_scheduler"] = schedule
    made = parser.get_parsed_content("lr_scheduler")
    rates = []
    for _ in range(9):
        rates.append(made.get_last_lr()[0])
        made.optimizer.step()
        made.step()
    assert max(rates) == pytest.approx(0.5, rel=0.05) and made.get_last_lr()[0] == pytest.approx(0.5 / 25 / 1e4)


def test_diverging_training_stops_and_never_saves_weights_that_are_not_finite(cohort, tmp_path):
    keys = tiny(cohort, output_dir=str(tmp_path), learning_rate=1e6, clip_norm=1e9, epochs=4)
    with pytest.raises(Exception) as caught:
        run("train.json", **keys)
    assert "The training diverged" in user_message(caught.value)
    for saved in tmp_path.glob("*.pt"):
        state = torch.load(saved, weights_only=True)
        weights = state["distiller"] if saved.name == "last.pt" else state
        assert all(tensor.isfinite().all() for tensor in weights.values()), saved


def test_second_training_into_the_same_folder_is_refused(trained, cohort):
    with pytest.raises(Exception) as caught:
        run("train.json", **tiny(cohort, output_dir=str(trained)))
    assert "--resume true" in user_message(caught.value)


def test_misspelt_override_is_refused_before_anything_runs(cohort, tmp_path):
    with pytest.raises(Exception) as caught:
        run("train.json", **tiny(cohort, output_dir=str(tmp_path), dataset_dirr="x"))
    assert user_message(caught.value) == "Nothing reads the key 'dataset_dirr': did you mean 'dataset_dir'?"


def test_a_student_is_evaluated_and_trained_where_there_are_its_sequences_only(trained, cohort, tmp_path):
    limited = tmp_path / "limited"
    for subject in list(Path(cohort).glob("Simulated_*"))[:3]:
        for ending in ("t1ce", "flair", "seg"):
            (limited / subject.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(subject / f"{subject.name}_{ending}.nii.gz", limited / subject.name)
    keys = tiny(cohort, dataset_dir=str(limited))
    run("train.json", "evaluate.json", **keys, part="all", ckpt_dir=str(trained), output_dir=str(tmp_path / "whole"))
    cases = pd.read_csv(tmp_path / "whole" / "cases.csv")
    assert len(cases) == 3 * 3 and set(cases["sequences"]) == {"t1ce+flair"}
    # the same as where all four are there
    run(
        "train.json", "evaluate.json", **tiny(cohort, part="all", ckpt_dir=str(trained), output_dir=str(tmp_path / "a"))
    )
    both = cases.merge(pd.read_csv(tmp_path / "a" / "cases.csv"), on=["subject", "region", "network"])
    assert len(both) == 9 and np.allclose(both["dice_x"], both["dice_y"])
    parts = {"split#validation": 0.3, "split#test": 0.3}
    with pytest.raises(Exception) as caught:
        run("train.json", **keys, output_dir=str(tmp_path / "joint"), **parts)
    assert "lacks t1, t2" in user_message(caught.value) and "no_distillation.json" in user_message(caught.value)
    run("train.json", "no_distillation.json", **keys, output_dir=str(tmp_path / "trained"), **parts)
    (known,) = json.loads((tmp_path / "trained" / "model.json").read_text())["real_subjects"]
    out = {"ckpt_dir": str(tmp_path / "trained"), "output_dir": str(tmp_path / "known"), "part": "all"}
    run("train.json", "no_distillation.json", "evaluate.json", **keys, **out)
    (warning,) = json.loads((tmp_path / "known" / "summary.json").read_text())["settings"]["warnings"]
    assert warning.startswith(
        f"1 of 3 evaluated subjects were in the training of {tmp_path / 'trained'}/model.pt: {known}"
    )
    assert f"<b>Warning:</b> {warning}" in (tmp_path / "known" / "report.html").read_text()
    with pytest.raises(Exception) as caught:
        run(
            "train.json",
            "no_distillation.json",
            **keys | {"student_modalities": ["t2"]},
            output_dir=str(tmp_path / "b"),
        )
    assert "lacks t2. Add the files" in user_message(caught.value)


def test_evaluation_writes_every_case_network_and_region(trained, cohort, tmp_path):
    run("train.json", "evaluate.json", **tiny(cohort, output_dir=str(tmp_path), ckpt_dir=str(trained)))
    cases = pd.read_csv(tmp_path / "cases.csv")
    assert len(cases) == 1 * 2 * 3
    assert set(cases["sequences"]) == {"t1+t1ce+t2+flair", "t1ce+flair"}
    # the label map on disk gives the true volume: 4 mm voxels are 0.064 ml
    subject = cases["subject"][0]
    label = np.asarray(nib.load(f"{cohort}/{subject}/{subject}_seg.nii.gz").dataobj)
    expected = (label > 0).sum() * 0.064
    assert cases.query("region == 'wt'")["true_ml"].to_list() == pytest.approx([expected, expected], abs=1e-3)
    assert (tmp_path / "summary.json").is_file() and (tmp_path / "evaluation.png").is_file()
    page = (tmp_path / "report.html").read_text()
    assert f"<h3>{subject}</h3>" in page and page.count("not seen by student") == 2


def test_evaluation_skips_a_bad_label_and_measures_the_others(trained, cohort, tmp_path):
    for source in sorted(Path(cohort).glob("Simulated_*"))[2:4]:
        shutil.copytree(source, tmp_path / "scans" / source.name)
    bad = tmp_path / "scans" / source.name / f"{source.name}_seg.nii.gz"
    label = nib.load(bad)
    array = np.asarray(label.dataobj).copy()
    array[0, 0, 0] = 7
    nib.save(nib.Nifti1Image(array, label.affine), bad)
    keys = tiny(cohort, dataset_dir=str(tmp_path / "scans"), part="all", ckpt_dir=str(trained))
    with pytest.raises(Exception) as caught:
        run("train.json", "evaluate.json", **keys, output_dir=str(tmp_path / "o"))
    assert f"{source.name}_seg.nii.gz: holds the unknown label value 7" in user_message(caught.value)
    assert set(pd.read_csv(tmp_path / "o" / "cases.csv")["subject"]) == {"Simulated_00002"}


def test_control_without_a_teacher_trains_from_random_weights_on_request(cohort, tmp_path):
    keys = tiny(cohort, output_dir=str(tmp_path / "o"), epochs=1, warm_start=False)
    run("train.json", "no_distillation.json", **keys)
    record = json.loads((tmp_path / "o" / "model.json").read_text())
    assert record["starts_from"] == {"student": "random weights"} and "warm start" not in json.dumps(record)
    assert (tmp_path / "o" / "model.pt").is_file() and not (tmp_path / "o" / "teacher.pt").exists()


def _scans(cohort, folder, axes=(0, 1, 2), flips=()):
    """The test subject with only its t1ce and flair files, stored with permuted and flipped axes."""
    source = next(Path(cohort).glob("Simulated_*3"))
    for sequence in ("t1ce", "flair"):
        image = nib.load(source / f"{source.name}_{sequence}.nii.gz")
        orientation = np.array([[axes.index(axis), -1 if axis in flips else 1] for axis in range(3)])
        path = Path(folder) / source.name / f"{source.name}_{sequence}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image.as_reoriented(orientation), path)
    return source.name


def _segment(folder, output, trained, **more):
    run(
        "inference.json",
        kind="infer",
        **{key: TINY[key] for key in ("bundle_root", "spacing", "filters", "device")},
        dataset_dir=str(folder),
        output_dir=str(output),
        ckpt_dir=str(trained),
        amp=False,
        **more,
    )


@pytest.mark.parametrize("axes, flips", [((0, 1, 2), (0,)), ((2, 0, 1), (1,)), ((1, 2, 0), (0, 2))])
def test_label_map_has_the_scans_own_geometry_in_any_orientation(cohort, trained, tmp_path, axes, flips):
    straight = _scans(cohort, tmp_path / "straight")
    _scans(cohort, tmp_path / "odd", axes, flips)
    for name in ("straight", "odd"):
        _segment(tmp_path / name, tmp_path / f"{name}_out", trained, probabilities=True)
    odd_scan = nib.load(tmp_path / "odd" / straight / f"{straight}_flair.nii.gz")
    odd = nib.load(tmp_path / "odd_out" / straight / f"{straight}_seg.nii.gz")
    assert odd.shape == odd_scan.shape and odd.get_data_dtype() == np.uint8
    np.testing.assert_allclose(odd.affine, odd_scan.affine, atol=1e-4)
    # turned back, the probabilities are those of the scan stored straight
    turned = nib.as_closest_canonical(nib.load(tmp_path / "odd_out" / straight / f"{straight}_probabilities.nii.gz"))
    plain = nib.as_closest_canonical(
        nib.load(tmp_path / "straight_out" / straight / f"{straight}_probabilities.nii.gz")
    )
    np.testing.assert_allclose(turned.get_fdata(), plain.get_fdata(), atol=2e-3)


def test_removing_absent_sequences_or_filling_them_with_noise_changes_nothing(cohort, trained, tmp_path):
    name = _scans(cohort, tmp_path / "without")
    _scans(cohort, tmp_path / "noise")
    flair = nib.load(tmp_path / "noise" / name / f"{name}_flair.nii.gz")
    for sequence in ("t1", "t2"):
        noise = np.random.default_rng(0).integers(1, 30000, flair.shape).astype(np.int16)
        nib.save(nib.Nifti1Image(noise, flair.affine), tmp_path / "noise" / name / f"{name}_{sequence}.nii.gz")
    for folder in ("without", "noise"):
        _segment(tmp_path / folder, tmp_path / f"{folder}_out", trained, probabilities=True)
    first, second = (
        nib.load(tmp_path / f"{f}_out" / name / f"{name}_probabilities.nii.gz").get_fdata()
        for f in ("without", "noise")
    )
    assert np.array_equal(first, second)


def test_one_bad_subject_does_not_stop_the_others(cohort, trained, tmp_path):
    name = _scans(cohort, tmp_path / "scans")
    shutil.copytree(tmp_path / "scans" / name, tmp_path / "scans" / "A_broken")
    for file in (tmp_path / "scans" / "A_broken").iterdir():
        file.rename(file.with_name(file.name.replace(name, "A_broken")))
    broken = tmp_path / "scans" / "A_broken" / "A_broken_flair.nii.gz"
    broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(Exception) as caught:
        _segment(tmp_path / "scans", tmp_path / "out", trained)
    sentence = user_message(caught.value)
    assert sentence.startswith("1 of 2 subjects were done. These were not") and "A_broken_flair.nii.gz" in sentence
    assert (tmp_path / "out" / name / f"{name}_seg.nii.gz").is_file()
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"<h3>{name}</h3>" in page and "<b>A_broken</b>" in page and "not known" in page
    assert page.count('<figure class="axial"') == 2


def test_a_report_can_be_left_out(cohort, trained, tmp_path):
    name = _scans(cohort, tmp_path / "scans")
    _segment(tmp_path / "scans", tmp_path / "out", trained, report=False)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {name, "segmentations.csv"}


def test_weights_for_other_sequences_are_refused(cohort, trained, tmp_path):
    _scans(cohort, tmp_path / "scans")
    with pytest.raises(Exception) as caught:
        _segment(tmp_path / "scans", tmp_path / "out", trained, student_modalities=["t2", "flair"])
    assert "was trained for t1ce + flair, not for t2 + flair" in user_message(caught.value)


@pytest.mark.parametrize(
    "kind, files",
    [("train", ["train.json"]), ("train", ["train.json", "evaluate.json"]), ("infer", ["inference.json"])],
)
def test_monai_finds_every_property_it_requires(kind, files, cohort, trained, tmp_path):
    if kind == "infer":
        _scans(cohort, tmp_path)
        keys = {key: TINY[key] for key in ("bundle_root", "spacing", "filters")} | {"dataset_dir": str(tmp_path)}
    else:
        keys = tiny(cohort)
    started = workflow(*files, kind=kind, **keys, output_dir=str(tmp_path / "o"))
    started.initialize()
    assert started.check_properties() == []
