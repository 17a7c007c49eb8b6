# SPDX-License-Identifier: Apache-2.0
"""One image with the sequences as channels gives what `segment` gives, and as MONAI Label and MONAI Deploy run it, too."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import LoadImaged, MapTransform, SaveImaged
from scripts.common.errors import UserError, user_message
from scripts.common.sequences import SEQUENCES
from scripts.inference.segment import segment
from tiny import ROOT, run

KEYS = {"spacing": 4.0, "filters": [4, 8, 16], "device": "cpu", "amp": False}


@pytest.fixture(scope="module")
def scans(one_subject):
    """The four scans (X, Y, Z, 4) of the subject, in the teacher's order, and their affine."""
    images = [nib.load(one_subject / f"{one_subject.name}_{name}.nii.gz") for name in SEQUENCES]
    return np.stack([np.asarray(image.dataobj) for image in images], axis=-1), images[0].affine


@pytest.fixture(scope="module")
def four_channels(scans, tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "P1.nii.gz"
    nib.save(nib.Nifti1Image(*scans), path)
    return path


def _expected(one_subject, fifteen, sequences):
    files = {name: one_subject / f"{one_subject.name}_{name}.nii.gz" for name in sequences}
    return segment(**files, ckpt_dir=fifteen, **KEYS)


def _parser(fifteen, **more) -> ConfigParser:
    """The config as the two programs read it: no run, and no list `initialize`."""
    parser = ConfigParser()
    parser.read_config(str(ROOT / "configs" / "inference.json"))
    parser.update(KEYS | {"bundle_root": str(ROOT), "ckpt_dir": str(fifteen)} | more)
    parser.parse()
    return parser


def _as_monai_label(parser, fifteen, request: dict, loaded: str = "model_t1ce_flair.pt") -> dict:
    """What its BundleInferTask does: no transform that is a SaveImaged, each on the whole request, one network."""
    data = dict(request)
    for transform in parser.get_parsed_content("preprocessing").transforms:
        assert not isinstance(transform, LoadImaged)  # it would be replaced
        data = transform(data)
    network = parser.get_parsed_content("network_def")
    network.load_state_dict(torch.load(fifteen / loaded, weights_only=True), strict=False)
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network.eval())[0]
    kept = [t for t in parser.get_parsed_content("postprocessing").transforms if not isinstance(t, SaveImaged)]
    for transform in kept:
        data = transform(data)
    return data


def _as_monai_deploy(parser, fifteen, image: MetaTensor) -> torch.Tensor:
    """What its MonaiBundleInferenceOperator does: no transform with LoadImage or SaveImage in its name."""
    steps = {}
    for name in ("preprocessing", "postprocessing"):
        steps[name] = parser.get_parsed_content(name)
        assert isinstance(steps[name].transforms[0], MapTransform)  # else it hands over the image without a key
        kept = [t for t in steps[name].transforms if "LoadImage" not in type(t).__name__]
        steps[name].transforms = tuple(t for t in kept if "SaveImage" not in type(t).__name__)
    network = parser.get_parsed_content("network")
    network.load_state_dict(torch.load(fifteen / "model_t1ce_flair.pt", weights_only=True), strict=True)
    inputs = steps["preprocessing"]({"image": image})
    assert [name for name, value in inputs.items() if isinstance(value, torch.Tensor)] == ["image"]
    with torch.no_grad():
        pred = parser.get_parsed_content("inferer")(inputs=inputs["image"][None], network=network.eval())
    return steps["postprocessing"]({"pred": tuple(pred)[0]} | inputs)["pred"]


def test_the_command_line_takes_an_image_of_four_channels_and_the_teacher(
    one_subject, fifteen, four_channels, tmp_path
):
    keys = KEYS | {"bundle_root": str(ROOT), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path), "report": False}
    expected = _expected(one_subject, fifteen, SEQUENCES)
    shapes = {}
    for files in (["inference.json"], ["inference.json", "batch_inference.json"]):
        # the config loads its own network, too
        keys |= {"load_pretrain": False} if len(files) == 1 else {"load_pretrain": True}
        run(*files, kind="infer", **keys, image=str(four_channels))
        saved = nib.load(tmp_path / "P1" / "P1_seg.nii.gz")
        assert np.array_equal(np.asarray(saved.dataobj), expected.label_map) and expected.label_map.any()
        np.testing.assert_allclose(saved.affine, expected.affine)
        record = json.loads((tmp_path / "P1" / "P1_seg.json").read_text())
        assert [network["file"] for network in record["networks"]] == [expected.network]
        shapes[len(files)] = saved.shape
    assert len(set(shapes.values())) == 1


def test_a_list_of_files_is_told_apart_by_its_names(one_subject, fifteen, tmp_path):
    files = [str(one_subject / f"{one_subject.name}_{name}.nii.gz") for name in ("flair", "t1")]
    keys = KEYS | {"bundle_root": str(ROOT), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path), "report": False}
    run("inference.json", "batch_inference.json", kind="infer", **keys, image=files)
    saved = nib.load(tmp_path / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert np.array_equal(np.asarray(saved.dataobj), _expected(one_subject, fifteen, ["t1", "flair"]).label_map)


def test_a_folder_with_the_network_of_the_images_sequences_alone_will_do(one_subject, fifteen, tmp_path):
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "model_flair.pt").symlink_to(fifteen / "model_flair.pt")
    file = str(one_subject / f"{one_subject.name}_flair.nii.gz")
    keys = KEYS | {
        "bundle_root": str(ROOT),
        "ckpt_dir": str(tmp_path / "networks"),
        "output_dir": str(tmp_path / "out"),
    }
    run("inference.json", kind="infer", **keys, image=file, report_slices=1)
    saved = nib.load(tmp_path / "out" / one_subject.name / f"{one_subject.name}_seg.nii.gz")
    assert np.array_equal(np.asarray(saved.dataobj), _expected(one_subject, fifteen, ["flair"]).label_map)
    facts = json.loads((tmp_path / "out" / "report" / "run.json").read_text())["facts"]
    assert facts["image"] == file and facts["et_by_contrast"] is True and "dataset_dir" not in facts


def test_an_image_after_whose_name_no_result_can_be_named_is_refused(one_subject, fifteen, tmp_path):
    file = tmp_path / f"{'P' * 240}_flair.nii.gz"
    file.symlink_to(one_subject / f"{one_subject.name}_flair.nii.gz")
    keys = KEYS | {"bundle_root": str(ROOT), "ckpt_dir": str(fifteen), "output_dir": str(tmp_path / "out")}
    with pytest.raises(Exception) as caught:
        run("inference.json", kind="infer", **keys, image=str(file))
    assert "the name of this subject" in user_message(caught.value) and "rename" in user_message(caught.value)


@pytest.mark.parametrize(
    "sequences, stated",
    [(SEQUENCES, ""), (["t1ce", "flair"], ""), (["t2"], "t2"), (["flair", "t1ce", "t1"], "flair t1ce,t1")],
)
def test_monai_labels_steps_give_what_segment_gives(one_subject, fifteen, scans, tmp_path, sequences, stated):
    array, affine = scans
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(array[..., [SEQUENCES.index(name) for name in sequences]], affine), path)
    request = {
        "image": str(path),
        "image_path": str(path),
        "model": "brats",
        "model_filename": ["model.pt", "teacher.pt"],
    }
    parser = _parser(fifteen)
    parser["displayable_configs"].update({"image_sequences": stated})  # from its panel of options
    parser.parse()
    data = _as_monai_label(parser, fifteen, request)
    expected = _expected(one_subject, fifteen, sequences)
    assert data["pred"].dtype == torch.uint8 and np.array_equal(data["pred"][0].numpy(), expected.label_map)
    np.testing.assert_allclose(data["pred"].affine, expected.affine)
    # what Restored and the writer read
    assert tuple(data["image"].meta["spatial_shape"]) == expected.label_map.shape
    np.testing.assert_allclose(data["image"].meta["original_affine"], affine)
    assert data.items() >= {key: request[key] for key in ("image_path", "model", "model_filename")}.items()
    assert data["result"]["volumes_ml"] == expected.volumes_ml and data["result"]["flags"] == expected.flags
    assert json.dumps(data["result"]) and "saved" not in data


def test_the_network_that_a_user_of_monai_label_chose_tells_the_sequences(one_subject, fifteen, scans, tmp_path):
    array, affine = scans
    nib.save(nib.Nifti1Image(array[..., [0, 2]], affine), tmp_path / "scan.nii.gz")
    request = {"image": str(tmp_path / "scan.nii.gz"), "model_filename": "model_t1_t2.pt"}
    data = _as_monai_label(_parser(fifteen), fifteen, request)
    assert np.array_equal(data["pred"][0].numpy(), _expected(one_subject, fifteen, ["t1", "t2"]).label_map)
    assert data["result"]["networks"] == [str(fifteen / "model_t1_t2.pt")]


def test_stated_sequences_get_their_network_whatever_a_user_of_monai_label_chose(one_subject, fifteen, scans, tmp_path):
    array, affine = scans
    nib.save(nib.Nifti1Image(array[..., [1, 3]], affine), tmp_path / "scan.nii.gz")
    request = {"image": str(tmp_path / "scan.nii.gz"), "model_filename": "model_t1_t2.pt"}
    parser = _parser(fifteen)
    parser["displayable_configs"].update({"image_sequences": "t1ce,flair"})
    parser.parse()
    data = _as_monai_label(parser, fifteen, request, loaded="model_t1_t2.pt")
    assert np.array_equal(data["pred"][0].numpy(), _expected(one_subject, fifteen, ["t1ce", "flair"]).label_map)
    assert data["result"]["networks"] == [str(fifteen / "model_t1ce_flair.pt")]


@pytest.mark.parametrize("sequences, first", [(SEQUENCES, True), (SEQUENCES, False), (["t1ce", "flair"], True)])
def test_monai_deploys_steps_give_what_segment_gives(one_subject, fifteen, scans, sequences, first):
    array, affine = scans
    channels = torch.from_numpy(array[..., [SEQUENCES.index(name) for name in sequences]].astype(np.float32))
    image = MetaTensor(channels.movedim(-1, 0) if first else channels, affine=torch.from_numpy(affine))
    pred = _as_monai_deploy(_parser(fifteen), fifteen, image)
    expected = _expected(one_subject, fifteen, sequences)
    assert pred.shape[0] == 1 and np.array_equal(pred[0].numpy(), expected.label_map)


def test_mirroring_works_without_a_batch(one_subject, fifteen, four_channels):
    parser = _parser(fifteen, test_time_mirroring=True)
    data = _as_monai_label(parser, fifteen, {"image": str(four_channels)})
    files = {name: one_subject / f"{one_subject.name}_{name}.nii.gz" for name in SEQUENCES}
    expected = segment(**files, ckpt_dir=fifteen, test_time_mirroring=True, **KEYS)
    assert np.array_equal(data["pred"][0].numpy(), expected.label_map)
    assert data["quality"]["mirror_disagreement"] == expected.record["quality"]["mirror_disagreement"]


def test_an_image_without_a_network_is_refused_in_a_sentence(one_subject, fifteen, scans, tmp_path):
    array, affine = scans
    for ending in ("pt", "json"):
        (tmp_path / f"model_t2.{ending}").write_bytes((fifteen / f"model_t2.{ending}").read_bytes())
    nib.save(nib.Nifti1Image(array[..., :3], affine), tmp_path / "scan.nii.gz")
    request = {"image": str(tmp_path / "scan.nii.gz")}
    with pytest.raises(UserError, match="scan has 3 channels, and nothing says which sequences these are"):
        _parser(fifteen).get_parsed_content("preprocessing").transforms[0](request)
    parser = _parser(tmp_path, image_sequences="t1,t1ce,t2")
    with pytest.raises(UserError, match=r"no network for its sequences t1\+t1ce\+t2, only for t2"):
        parser.get_parsed_content("preprocessing").transforms[0](request)
    with pytest.raises(Exception) as caught:
        run("inference.json", kind="infer", bundle_root=str(ROOT), image=str(tmp_path / "nowhere.nii.gz"))
    assert "nowhere.nii.gz does not exist: correct the path." in user_message(caught.value)
