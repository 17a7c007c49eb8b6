# SPDX-License-Identifier: Apache-2.0
"""MONAI Label's and MONAI Deploy's own classes run the bundle. Neither is a requirement, so without them this is skipped;
`test_image_inference` repeats their steps."""

import hashlib
import importlib
import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ckpt_export
from scripts.common.errors import user_message
from scripts.common.sequences import SEQUENCES
from scripts.inference.segment import segment
from tiny import ROOT

CONFIGS = ROOT / "configs"
CHOICES = [SEQUENCES, ("t1ce", "flair"), ("flair",)]


def _import(name: str, program: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{program} cannot be imported ({error}): see docs/tools.md")


@pytest.fixture(scope="module")
def label():
    return _import("monailabel.tasks.infer.bundle", "MONAI Label")


@pytest.fixture(scope="module")
def deploy():
    return _import("monai.deploy.operators.monai_bundle_inference_operator", "MONAI Deploy")


def _hashes() -> dict:
    files = [
        path for folder in ("configs", "models", "scripts") for path in (ROOT / folder).rglob("*") if path.is_file()
    ]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.suffix != ".pyc"}


def _stack(subject, sequences) -> tuple[np.ndarray, np.ndarray]:
    images = [nib.load(subject / f"{subject.name}_{name}.nii.gz") for name in sequences]
    return np.stack([np.asarray(image.dataobj) for image in images], axis=-1), images[0].affine


def _expected(subject, sequences):
    return segment(**{name: subject / f"{subject.name}_{name}.nii.gz" for name in sequences}, device="cpu")


@pytest.mark.parametrize("sequences", CHOICES, ids="+".join)
def test_monai_label_segments(label, one_subject, tmp_path, monkeypatch, sequences):
    monkeypatch.setenv(
        "MONAI_LABEL_RELOAD_APP_LIB", "false"
    )  # it would import scripts anew, in the middle of the tests
    before = _hashes()
    array, affine = _stack(one_subject, sequences)
    path = tmp_path / ("P1_flair.nii.gz" if sequences == ("flair",) else "P1.nii.gz")
    nib.save(nib.Nifti1Image(array, affine), path)
    task = label.BundleInferTask(str(ROOT), {})
    names = ["necrotic or non-enhancing core", "oedema", "not used", "enhancing tumour"]
    assert task.is_valid() and task.labels == dict(zip(names, (1, 2, 3, 4)))
    file, answer = task({"model": ROOT.name, "image": str(path), "device": "cpu"})
    result, expected = nib.load(file), _expected(one_subject, sequences)
    assert np.array_equal(np.asarray(result.dataobj), expected.label_map)
    np.testing.assert_allclose(result.affine, affine, atol=1e-5)
    assert answer["label_names"] == task.labels and answer["volumes_ml"] == expected.volumes_ml
    assert _hashes() == before


def _operator(deploy, path):
    """The operator without a running app: a scheduler would hand over image and result."""
    core = importlib.import_module("monai.deploy.core")
    return deploy.MonaiBundleInferenceOperator(
        core.Fragment(),
        app_context=SimpleNamespace(models=None),
        bundle_path=path,
        input_mapping=[deploy.IOMapping("image", core.Image, core.IOType.IN_MEMORY)],
        output_mapping=[deploy.IOMapping("pred", core.Image, core.IOType.IN_MEMORY)],
    )


def _run(operator, image):
    sent = {}
    ends = SimpleNamespace(
        receive=lambda name: image, get=lambda name: None, emit=lambda value, name: sent.update({name: value})
    )
    operator.compute(ends, ends, None)
    return np.swapaxes(sent["pred"].asnumpy(), 0, 2)


@pytest.mark.parametrize("sequences", CHOICES, ids="+".join)
def test_monai_deploy_runs_the_folder_from_elsewhere(deploy, one_subject, tmp_path, monkeypatch, sequences):
    monkeypatch.chdir(tmp_path)
    array, affine = _stack(one_subject, sequences)
    image = importlib.import_module("monai.deploy.core").Image(
        np.moveaxis(array, -1, 0).astype(np.float32), {"affine": affine, "space": "RAS"}
    )
    if sequences == ("flair",):
        with pytest.raises(RuntimeError) as caught:  # MONAI wraps it
            _run(_operator(deploy, ROOT), image)
        assert "image has 1 channel, and nothing says which sequences these are" in user_message(caught.value)
    else:
        labels = _run(_operator(deploy, ROOT), image)
        assert np.array_equal(labels, _expected(one_subject, sequences).label_map)


@pytest.mark.parametrize("sequences", CHOICES, ids="+".join)
def test_monai_deploy_runs_an_exported_network_with_its_configs(deploy, one_subject, tmp_path, monkeypatch, sequences):
    config = json.loads((CONFIGS / "inference.json").read_text()) | {"student_modalities": list(sequences)}
    (tmp_path / "inference.json").write_text(json.dumps(config))
    name = {4: "teacher.pt", 2: "model.pt", 1: "model_flair.pt"}[len(sequences)]
    ckpt_export(
        "network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(ROOT / "models" / name),
        meta_file=str(CONFIGS / "metadata.json"),
        config_file=str(tmp_path / "inference.json"),
    )
    monkeypatch.chdir(tmp_path)
    array, affine = _stack(one_subject, sequences)
    core = importlib.import_module("monai.deploy.core")
    if len(sequences) > 1:
        image = core.Image(np.moveaxis(array, -1, 0).astype(np.float32), {"affine": affine, "space": "RAS"})
    else:  # as DICOMSeriesToVolumeOperator gives a series: (D, H, W)
        spacing = {f"{axis}_pixel_spacing": 4.0 for axis in ("row", "col", "depth")}
        facts = spacing | {"nifti_affine_transform": affine, "space": "RAS"}
        image = core.Image(np.swapaxes(array[..., 0], 0, 2).astype(np.float32), facts)
    labels = _run(_operator(deploy, tmp_path / "model.ts"), image)
    assert np.array_equal(labels, _expected(one_subject, sequences).label_map)
