# SPDX-License-Identifier: Apache-2.0
"""Each subject gets the network of exactly its sequences, or an error that lists the available ones."""

import functools
import json
import os

import pytest
import torch
from conftest import write_subject
from monai.data import MetaTensor
from monai.networks.nets import DynUNet
from scripts.common.errors import ScanError, UserError
from scripts.common.sequences import SEQUENCES, limited_subsets, ordered
from scripts.common.weights import save_weights, student_file, weight_files_in
from scripts.data.datalist import sequences_present, subjects_in
from scripts.inference.routing import RoutedInferer, TrainedNetworks, assign_networks

BUILD = functools.partial(
    DynUNet,
    spatial_dims=3,
    in_channels=None,
    out_channels=3,
    kernel_size=[3] * 3,
    strides=[1, 2, 2],
    upsample_kernel_size=[2, 2],
    filters=[4, 4, 8],
)


def _weights(folder, name, sequences, filters=(4, 4, 8), **record):
    torch.manual_seed(len(name))
    network = BUILD(in_channels=len(sequences), filters=list(filters))
    record = {"sequences": list(sequences), "filters": list(filters), "spacing": 2.0} | record
    save_weights(folder / name, network, record)
    return network


def _folder(tmp_path):
    """A folder of networks for T1ce + FLAIR (as model.pt), FLAIR and all four."""
    for name, sequences in (("model.pt", ("t1ce", "flair")), ("model_flair.pt", ("flair",)), ("teacher.pt", SEQUENCES)):
        _weights(tmp_path / "models", name, sequences)
    return tmp_path / "models"


def test_networks_of_a_folder_are_known_by_name_and_model_pt_by_its_record(tmp_path):
    folder = _folder(tmp_path)
    names = {"+".join(sequences): path.rsplit("/", 1)[1] for sequences, path in weight_files_in(folder).items()}
    assert names == {"t1ce+flair": "model.pt", "flair": "model_flair.pt", "t1+t1ce+t2+flair": "teacher.pt"}
    (folder / "model.json").unlink()
    assert ("t1ce", "flair") not in weight_files_in(folder)


def test_a_file_whose_record_names_other_sequences_is_not_taken_for_those_of_its_name(tmp_path):
    _weights(tmp_path, "model_t1.pt", ("t2",))
    assert weight_files_in(tmp_path) == {}


def test_all_fifteen_choices_find_their_own_file(tmp_path):
    for sequences in (*limited_subsets(), SEQUENCES):
        name = "teacher.pt" if sequences == SEQUENCES else student_file(sequences)
        (tmp_path / name).touch()
    found = weight_files_in(tmp_path)
    assert len(found) == len(set(found.values())) == 15


def test_subjects_get_the_network_of_exactly_what_they_have(tmp_path):
    folder = _folder(tmp_path)
    for subject, names in (("S1", ["t1ce", "flair"]), ("S2", ["flair"]), ("S3", SEQUENCES), ("S4", ["t1", "t2"])):
        write_subject(tmp_path / "scans", subject, names=names)
    (tmp_path / "scans" / "S5").mkdir()
    items = assign_networks(subjects_in(tmp_path / "scans", SEQUENCES, labelled=False), folder)
    assert [(item.get("sequences"), item.get("network", "")[-14:]) for item in items[:3]] == [
        ("t1ce+flair", "odels/model.pt"),
        ("flair", "model_flair.pt"),
        ("t1+t1ce+t2+flair", "els/teacher.pt"),
    ]
    no_network, nothing = items[3]["error"], items[4]["error"]
    assert " has no network for its sequences t1+t2, only for " in no_network and "network" not in items[3]
    assert (
        no_network.startswith("S4: ")
        and "only for flair (model_flair.pt), t1ce+flair (model.pt), t1+t1ce+t2+flair (teacher.pt)" in no_network
    )
    assert "--student_modalities \"['t1', 't2']\"" in no_network
    assert nothing.startswith("S5: no file of any sequence was found")


def test_sequences_that_shall_not_be_used_do_not_count(tmp_path):
    write_subject(tmp_path / "scans", "S1", names=["t1", "t1ce", "flair"])
    (item,) = assign_networks(subjects_in(tmp_path / "scans", ["t1ce", "flair"], labelled=False), _folder(tmp_path))
    assert item["sequences"] == "t1ce+flair" and "t1" not in item


def test_a_subject_with_none_of_the_chosen_sequences_is_told_what_it_has(tmp_path):
    write_subject(tmp_path / "scans", "S1", names=["t1", "t2"])
    (item,) = assign_networks(subjects_in(tmp_path / "scans", ["t1ce", "flair"], labelled=False), _folder(tmp_path))
    assert item["error"].startswith("S1: it has only t1, t2, none of the chosen sequences: add them to --student_mod")


def test_a_subject_with_a_listed_file_that_is_gone_is_not_segmented_without_it(tmp_path):
    folder = write_subject(tmp_path / "scans", "S1", names=["t1ce", "flair"])
    entry = {"subject": "S1", "t1": "S1/S1_t1.nii.gz", "flair": "S1/S1_flair.nii.gz"}
    (tmp_path / "scans" / "dataset.json").write_text(json.dumps({"test": [entry]}))
    (item,) = subjects_in(tmp_path / "scans", SEQUENCES, labelled=False)
    assert sequences_present(item) == ("flair",)

    def error():
        return assign_networks([item], _folder(tmp_path))[0]["error"]

    assert error() == f"S1: {folder}/S1_t1.nii.gz does not exist: correct the path, or leave the subject out."
    (folder / "S1_t1.nii.gz").symlink_to("nowhere")
    assert f"S1: {folder}/S1_t1.nii.gz is a link to nowhere: " in error()
    (folder / "S1_t1.nii.gz").unlink()
    (folder / "S1_t1.nii.gz").mkdir()
    assert f"S1: {folder}/S1_t1.nii.gz is no file: " in error()


def test_a_damaged_record_costs_the_subjects_of_its_network_only(tmp_path):
    folder, items = _folder(tmp_path), [{"subject": "S1", "flair": __file__}, {"subject": "S2", "t2": __file__}]
    (folder / "model.json").write_text("{")
    flair, t2 = assign_networks(items, folder)
    assert flair["network"] == str(folder / "model_flair.pt") and "error" not in flair
    assert t2["error"].startswith(f"S2: {folder}/model.json is not readable JSON")  # it may be the network of T2
    for name in ("model_flair.pt", "teacher.pt"):
        (folder / name).unlink()
    with pytest.raises(UserError, match="model.json is not readable JSON"):
        assign_networks(items, folder)


def test_folder_without_networks_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no network in .*: point ckpt_dir"):
        assign_networks([{"subject": "S1", "flair": "x"}], tmp_path)


def test_a_network_is_loaded_once_with_its_own_filters_and_ready_to_run(tmp_path):
    own = _weights(tmp_path, "model_flair.pt", ("flair",), filters=(4, 8, 8))
    networks = TrainedNetworks(BUILD, [4, 4, 8], 2.0)
    loaded = networks.load(str(tmp_path / "model_flair.pt"), "flair")
    assert loaded is networks.load(str(tmp_path / "model_flair.pt"), "flair") and not loaded.training
    scan = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(loaded(scan), own.eval()(scan))


def _routed():
    """Networks, and a call that segments a scan with the one of a file, as an image of a batch names it."""
    networks = TrainedNetworks(BUILD, [4, 4, 8], 2.0)
    inferer = RoutedInferer(networks, divisor=4)
    return networks, lambda scan, file, sequences: inferer(
        MetaTensor(scan, meta={"sequences": [sequences], "network": [str(file)]}), networks
    )


def test_a_network_whose_file_was_replaced_is_loaded_again(tmp_path):
    file = str(tmp_path / "model_flair.pt")
    networks, run = _routed()
    scan = torch.ones(1, 1, 8, 8, 8)
    torch.save({"weight": torch.tensor([float("nan")])}, file)
    os.utime(file, (0, 1))
    with pytest.raises(ScanError, match="model_flair.pt holds NaN"):
        run(scan, file, "flair")
    for second, filters in ((2, (4, 4, 8)), (3, (4, 8, 8))):
        own = _weights(tmp_path, "model_flair.pt", ("flair",), filters)
        os.utime(file, (0, second))
        run(scan, file, "flair")
        loaded, given = networks.load(file, "flair").state_dict(), own.state_dict()
        assert all(torch.equal(loaded[name], given[name]) for name in given if "heads" not in name)


def test_network_of_another_depth_is_refused_with_the_key(tmp_path):
    _weights(tmp_path, "model_flair.pt", ("flair",))
    with pytest.raises(UserError, match=r'model_flair.pt has 3 levels: run it with --filters "\[4, 4, 8\]"'):
        TrainedNetworks(BUILD, [4, 8], 2.0).load(str(tmp_path / "model_flair.pt"), "flair")


def test_routed_inference_is_that_of_the_chosen_network(tmp_path):
    folder = _folder(tmp_path)
    networks, run = _routed()
    scan = torch.zeros(1, 2, 16, 16, 16)
    scan[:, :, 2:14, 2:14, 2:14] = torch.randn(1, 2, 12, 12, 12)
    both = run(scan, folder / "model.pt", "t1ce+flair")
    one = run(scan[:, :1], folder / "model_flair.pt", "flair")
    assert both.shape == one.shape and not torch.allclose(both, one)
    assert len(networks.loaded) == 2 and ordered("t1ce+flair") == ("t1ce", "flair")


def test_a_network_that_cannot_be_used_is_one_subjects_failure_and_read_once(tmp_path, monkeypatch):
    folder = _folder(tmp_path)
    torch.save({"weight": torch.tensor([float("nan")])}, folder / "model_flair.pt")
    (_, run), loaded, load = _routed(), [], torch.load
    monkeypatch.setattr(torch, "load", lambda path, **kwargs: loaded.append(path) or load(path, **kwargs))
    for _ in range(2):
        with pytest.raises(ScanError, match="model_flair.pt holds NaN or infinite weights"):
            run(torch.zeros(1, 1, 16, 16, 16), folder / "model_flair.pt", "flair")
    assert len(loaded) == 1
