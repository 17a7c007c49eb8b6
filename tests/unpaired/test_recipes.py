"""Every unpaired recipe trains, evaluates and segments on two tiny hospitals; a killed run ends as an uninterrupted one."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from monai.bundle import ckpt_export
from scripts.common.errors import user_message
from scripts.simulation.cohort import make_cohort
from scripts.unpaired.step import Step
from tiny import ROOT, run, run_killed, tiny, with_base

SEGMENTATION = {"student_segmentation"}
GAN = {"adversary_target", "adversary_source", "cycle"}
CMEDL = SEGMENTATION | GAN | {"teacher_segmentation", "hint"}
# What the loss of each recipe is made of.
TERMS = {
    "mkd": SEGMENTATION | GAN | {"assistant_segmentation", "student_taught", "assistant_taught"},
    "cmedl": CMEDL,
    "cmedl_cbct": CMEDL | {"contextual_source", "contextual_target"},
    "dsan": SEGMENTATION | GAN | {"translated_segmentation", "reconstruction", "adversary_prediction"},
    "vae_prior": SEGMENTATION | {"reconstruction", "prior", "adversary_latent"},
    "ummkd": SEGMENTATION | {"class_confusion"},
}
NEED_LABELS = ("mkd", "ummkd")
# From which images the student of a control learns.
IMAGES = "objective#terms#student_segmentation#loss#images"
# The networks that each term teaches; a translator is called after the style that it gives.
OF_GAN = {"adversary_target": {"target"}, "adversary_source": {"source"}, "cycle": {"source", "target"}}
OF_CMEDL = OF_GAN | {"student_segmentation": {"student"}, "teacher_segmentation": {"teacher"}, "hint": {"student"}}
ENCODED = {"student", "source", "target"}
TAUGHT = {
    "mkd": OF_GAN
    | {"student_segmentation": {"student"}, "assistant_segmentation": {"assistant"}}
    | {"student_taught": {"student"}, "assistant_taught": {"assistant"}},
    "cmedl": OF_CMEDL,
    "cmedl_cbct": OF_CMEDL | {"contextual_source": {"source"}, "contextual_target": {"target"}},
    "dsan": {"student_segmentation": {"student"}, "translated_segmentation": {"student"}}
    | {"reconstruction": ENCODED, "cycle": ENCODED, "adversary_prediction": {"student"}}
    | {"adversary_target": {"student", "target"}, "adversary_source": {"student", "source"}},
    "vae_prior": {"student_segmentation": {"student"}, "prior": {"student"}, "adversary_latent": {"student"}}
    | {"reconstruction": ENCODED},
    "ummkd": {"student_segmentation": {"student"}, "class_confusion": {"student"}},
}


@pytest.fixture(scope="session")
def hospitals(tmp_path_factory):
    """Folders of two labelled subjects with a T2, and of three with a FLAIR, of which the last has no label map."""
    root = tmp_path_factory.mktemp("hospitals")
    made = Path(make_cohort(str(root / "cohort"), 0, 0, 5, spacing=4.0, seed=11, workers=1))
    for number, folder in enumerate(sorted(made.glob("Simulated_*"))):
        hospital, sequence = ("a", "t2") if number < 2 else ("b", "flair")
        for name in (sequence, "seg"):
            to = root / hospital / f"{hospital}{number}" / f"{hospital}{number}_{name}.nii.gz"
            to.parent.mkdir(parents=True, exist_ok=True)
            if (number, name) != (4, "seg"):
                shutil.copy(folder / f"{folder.name}_{name}.nii.gz", to)
    split = {"training": ["b3", "b4"], "validation": [], "test": ["b2"]}
    (root / "split.json").write_text(json.dumps(split))
    return root


def _keys(hospitals, cohort, **more):
    keys = tiny(cohort, batch_size=1, epochs=1, gradient_ratio_interval=1, **more)
    del keys["val_interval"]  # there is no validation
    keys |= {"source#dataset_dir": str(hospitals / "a"), "target#dataset_dir": str(hospitals / "b")}
    return keys | {"split#split_file": str(hospitals / "split.json")}


def _few_labels(recipe):
    """For a recipe that needs labels of the target: those of one subject, drawn in every step."""
    return {"target#labels": 1, "target#labelled_share": 1} if recipe in NEED_LABELS else {}


def _without_ramps(recipe):
    return {f"objective#terms#{term}#ramp": 0 for term in TERMS[recipe] - SEGMENTATION - GAN}


def _configs(recipe):
    return with_base("train.json", f"{recipe or 'unpaired'}.json")


@pytest.mark.parametrize("recipe", TERMS)
def test_recipe_trains_evaluates_and_segments(recipe, hospitals, cohort, tmp_path):
    trained = tmp_path / "trained"
    keys = _keys(hospitals, cohort, **_few_labels(recipe)) | _without_ramps(recipe)
    started = run(*_configs(recipe), **keys, output_dir=str(trained))
    values = started.parser.get_parsed_content("train#trainer").state.output[0]["pred"]
    terms = {name for name in values if not name.startswith("discriminator_")}
    assert terms == {"loss"} | TERMS[recipe] and all(value.isfinite() for value in values.values())
    assert {name for name in values} - terms == {f"discriminator_{name}" for name in terms if "adversary" in name}
    record = json.loads((trained / "model_flair.json").read_text())
    assert record["sequences"] == ["flair"] and record["source"]["subjects"] == ["a0", "a1"]
    labelled = ["b3"] if recipe in NEED_LABELS else []
    unlabelled = [] if recipe in NEED_LABELS else ["b3", "b4"]  # with target#labelled_share 1 none of them is drawn
    assert record["target"]["labelled"] == labelled and record["unlabelled_subjects"] == unlabelled
    assert record["real_subjects"] == ["a0", "a1", *labelled]
    assert record["training_subjects"] == 2 + len(labelled) + len(unlabelled)
    assert (trained / "translation.png").is_file() == (GAN <= TERMS[recipe])

    evaluation = tmp_path / "evaluation"
    run(*_configs(recipe), "evaluate.json", **keys, ckpt_dir=str(trained), output_dir=str(evaluation))
    cases = pd.read_csv(evaluation / "cases.csv")
    assert set(cases.subject) == {"b2"} and (evaluation / "report.html").is_file()
    assert set(cases.network) == ({"student", "assistant", "ensemble"} if recipe == "mkd" else {"student"})

    shared = {key: keys[key] for key in ("bundle_root", "spacing", "filters", "device")}
    out = {"dataset_dir": str(hospitals / "b"), "ckpt_dir": str(trained), "output_dir": str(tmp_path / "segmentations")}
    run("inference.json", kind="infer", **shared, **out, student_modalities=["flair"])
    assert len(list((tmp_path / "segmentations").rglob("*_seg.nii.gz"))) == 3


@pytest.mark.parametrize("recipe", TERMS)
def test_a_recipe_learns_from_all_labels_and_its_student_is_exported(recipe, hospitals, cohort, tmp_path):
    split = {"training": ["b3"], "validation": [], "test": ["b2"]}
    (tmp_path / "split.json").write_text(json.dumps(split))
    keys = _keys(hospitals, cohort, **{"target#labels": "all"}) | {"split#split_file": str(tmp_path / "split.json")}
    run(*_configs(recipe), **keys, output_dir=str(tmp_path))
    record = json.loads((tmp_path / "model_flair.json").read_text())
    assert record["target"]["labelled"] == ["b3"] and record["unlabelled_subjects"] == []

    ckpt_export(
        "network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(tmp_path / "model_flair.pt"),
        meta_file=str(ROOT / "configs" / "metadata.json"),
        config_file=str(ROOT / "configs" / "inference.json"),
        student_modalities=["flair"],
        filters=keys["filters"],
    )
    assert torch.jit.load(str(tmp_path / "model.ts"))(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 3, 16, 16, 16)


@pytest.mark.parametrize("recipe", TAUGHT)
def test_each_term_teaches_the_networks_that_it_should_and_no_other(recipe, hospitals, cohort, tmp_path):
    keys = _keys(hospitals, cohort, **_few_labels(recipe)) | _without_ramps(recipe)
    parser = run(*_configs(recipe), **keys, output_dir=str(tmp_path)).parser
    networks, loader = parser.get_parsed_content("distiller"), parser.get_parsed_content("train#dataloader")
    step = Step(networks, *parser.get_parsed_content("train#prepare_batch")(next(iter(loader)), torch.device("cpu")))
    members = dict(networks.segmentors) | dict(networks.translators)
    taught = {}
    for name, term in networks.objective.terms.items():  # in the order of a training, as all share the step
        networks.zero_grad()
        term.loss(step).backward(retain_graph=True)
        taught[name] = {
            member
            for member, network in members.items()
            if any(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
        }
    assert taught == TAUGHT[recipe]


@pytest.mark.parametrize(
    "images, keys",
    [
        (["source"], {}),
        (["target"], {"target#labels": 1, "target#labelled_share": 1}),
        (["source", "target"], {"target#labels": ["b3"]}),
    ],
)
def test_controls_are_the_same_network_on_the_source_on_the_target_or_on_both(
    images, keys, hospitals, cohort, tmp_path
):
    keys = _keys(hospitals, cohort, **keys, **{IMAGES: images})
    parser = run(*_configs(None), **keys, output_dir=str(tmp_path)).parser
    assert parser.get_parsed_content("objective").terms["student_segmentation"].loss.images == images
    record = json.loads((tmp_path / "model_flair.json").read_text())
    assert record["recipe"] == f"no adaptation: trained on the {' and the '.join(images)}"
    assert record["unlabelled_subjects"] == []  # no loss looks at a scan without a label


def test_the_simulated_cohort_may_be_the_source(hospitals, cohort, tmp_path, one_subject):
    source = {"source#dataset_dir": str(one_subject), "source#sequence": "flair"}
    run(*_configs(None), **_keys(hospitals, cohort) | source, output_dir=str(tmp_path))
    record = json.loads((tmp_path / "model_flair.json").read_text())
    assert record["source"]["sequence"] == "flair" and record["source"]["subjects"] == [one_subject.name]


@pytest.mark.parametrize("recipe", TERMS)
def test_a_killed_and_resumed_run_ends_at_the_weights_of_an_uninterrupted_one(recipe, hospitals, cohort, tmp_path):
    keys = _keys(hospitals, cohort, patches_per_epoch=2, **_few_labels(recipe)) | {"epochs": 2}
    adversaries = [name for name in TERMS[recipe] if name in ("adversary_target", "adversary_source")]
    keys |= {f"objective#terms#{name}#loss#pool": 1 for name in adversaries}  # swaps from the second fake on
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(*_configs(recipe), **keys, output_dir=str(whole))
    run_killed(*_configs(recipe), before=5, at_step=3, **keys, output_dir=str(parts))  # the second epoch's first step
    run(*_configs(recipe), **keys, output_dir=str(parts), resume=True)
    one, other = (torch.load(folder / "last.pt", weights_only=True) for folder in (whole, parts))
    for name, value in one["distiller"].items():
        torch.testing.assert_close(other["distiller"][name], value, atol=1e-5, rtol=1e-4)
    for optimizer in ("optimizer", "discriminator_optimizer"):
        states = [end.get(optimizer, {"state": {}})["state"] for end in (other, one)]
        torch.testing.assert_close(*states, atol=1e-5, rtol=1e-4)
    assert ("discriminator_optimizer" in one) == (recipe != "ummkd")
    assert one["trainer"]["iteration"] == other["trainer"]["iteration"] == 4


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"source#dataset_dir": None}, "--source#dataset_dir"),
        ({"target#dataset_dir": None}, "--target#dataset_dir"),
        ({"patience": 5}, "patience is 5, but has no effect"),
        ({"warm_start": True}, "warm_start is True, but has no effect"),
        ({"target#labels": 3, IMAGES: ["target"]}, "target#labels is 3"),
        ({"target#labels": ["b4"], IMAGES: ["target"]}, "b4, which do not exist"),
        ({"target#labels": 1}, "has no effect: the segmentation loss is of the source's images alone"),
        ({"target#subjects": "all"}, "target#subjects is 'all'"),
        ({IMAGES: ["source_as_target"]}, "needs a translator"),
        ({"source#dataset_dir": "{b}", "source#sequence": "flair"}, "nothing to adapt to"),
        ({"source#sequence": "t1"}, "lacks t1"),
        ({"target#label": "all"}, "did you mean 'target#labels'"),
    ],
)
def test_bad_input_ends_in_one_sentence(keys, message, hospitals, cohort, tmp_path):
    keys = {name: str(hospitals / "b") if value == "{b}" else value for name, value in keys.items()}
    with pytest.raises(Exception) as caught:
        run(*_configs(None), **_keys(hospitals, cohort) | keys, output_dir=str(tmp_path / "o"))
    assert message in user_message(caught.value)


@pytest.mark.parametrize("recipe", NEED_LABELS)
def test_a_recipe_that_needs_labels_says_so(recipe, hospitals, cohort, tmp_path):
    with pytest.raises(Exception) as caught:
        run(*_configs(recipe), **_keys(hospitals, cohort), output_dir=str(tmp_path / "o"))
    assert "This recipe needs some labels of the target" in user_message(caught.value)
