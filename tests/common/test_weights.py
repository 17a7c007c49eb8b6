# SPDX-License-Identifier: Apache-2.0
"""Weight files: what is recorded with them, and the errors when they do not fit."""

import hashlib
import json
import sys
import traceback

import pytest
import torch
from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import (
    input_columns,
    load_weights,
    network_path,
    save_state,
    save_weights,
    start_from_teacher,
    student_path,
    teacher_path,
    weight_files_in,
    weights_sha256,
)
from torch import nn

RECORD = {"sequences": ["t1ce", "flair"], "spacing": 2.0, "filters": [16, 32]}


@pytest.fixture
def saved(tmp_path):
    network = nn.Conv3d(2, 3, 1)
    save_weights(tmp_path / "model.pt", network, RECORD)
    return network, tmp_path / "model.pt"


def test_the_hash_of_a_weight_file_follows_its_content(tmp_path):
    for content in (b"first", b"second"):
        (tmp_path / "model.pt").write_bytes(content)
        for _ in range(2):
            assert weights_sha256(str(tmp_path / "model.pt")) == hashlib.sha256(content).hexdigest()


def test_round_trip_of_a_bare_state_dict_with_its_provenance(saved):
    network, path = saved
    assert set(torch.load(path, weights_only=True)) == {"weight", "bias"}
    assert json.loads(path.with_suffix(".json").read_text()) == RECORD
    other = load_weights(nn.Conv3d(2, 3, 1), path, ("t1ce", "flair"), 2.0)
    assert torch.equal(other.weight, network.weight)


def test_other_sequences_are_refused_even_where_the_shape_fits(saved):
    with pytest.raises(
        UserError, match=r"model.pt was trained for t1ce \+ flair, not for t1 \+ t2: set student_modalities"
    ):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1", "t2"))


def test_an_error_names_the_key_that_gave_the_path(saved, tmp_path):
    with pytest.raises(UserError, match="no weights at .*none.pt: train first, or point the key 'start_from' to"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "none.pt", ("t1", "t2"), key="start_from")
    with pytest.raises(
        UserError, match=r"not for t1 \+ t1ce \+ t2 \+ flair: point the key 'student_from' to a network"
    ):
        start_from_teacher(nn.Conv3d(1, 3, 1), saved[1], ("t2",), "student_from")


def test_another_network_is_refused_with_what_the_weights_say_of_themselves(saved):
    with pytest.raises(UserError, match=r"filters \[16, 32\].*does not fit"):
        load_weights(nn.Conv3d(2, 8, 3), saved[1], ("t1ce", "flair"))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match="no weights at .*model.pt: train first"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))
    (tmp_path / "model.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))


def test_another_spacing_is_refused_unless_training_goes_on(saved):
    with pytest.raises(UserError, match="trained at 2 mm, not at 1: set --spacing 2"):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"), spacing=1.0)
    load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"))


def test_a_failing_save_leaves_the_earlier_file_and_no_other(tmp_path):
    path = tmp_path / "last.pt"
    path.write_text("earlier")

    def killed(file):
        file.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_atomically(path, killed)
    assert path.read_text() == "earlier" and list(tmp_path.iterdir()) == [path]


def test_first_layer_keeps_the_columns_of_its_sequences_rescaled():
    weight = torch.arange(4.0).reshape(1, 4, 1, 1, 1)  # columns t1 0, t1ce 1, t2 2, flair 3
    assert input_columns(weight, ("t1ce", "flair")).flatten().tolist() == [2.0, 6.0]  # times 4 / 2
    assert input_columns(weight, ("t2",)).flatten().tolist() == [8.0]  # times 4


def test_warm_student_gives_the_teachers_output_where_all_sequences_are_equal(tmp_path):
    teacher, student = nn.Conv3d(4, 3, 3), nn.Conv3d(2, 3, 3)
    with torch.no_grad():
        teacher.weight.copy_(teacher.weight[:, :1].expand(-1, 4, -1, -1, -1))  # each column the same
    save_weights(tmp_path / "teacher.pt", teacher, {"sequences": ["t1", "t1ce", "t2", "flair"]})
    assert start_from_teacher(student, tmp_path / "teacher.pt", ("t1", "flair"))
    image = torch.randn(1, 1, 5, 5, 5)
    torch.testing.assert_close(student(image.repeat(1, 2, 1, 1, 1)), teacher(image.repeat(1, 4, 1, 1, 1)))


def test_a_start_from_a_student_is_refused(saved):
    with pytest.raises(UserError, match=r"was trained for t1ce \+ flair, not for t1 \+ t1ce \+ t2 \+ flair"):
        start_from_teacher(nn.Conv3d(1, 3, 1), saved[1], ("t2",))


def test_a_network_of_other_filters_is_left_as_it_is(tmp_path):
    save_weights(tmp_path / "teacher.pt", nn.Conv3d(4, 3, 3), {"sequences": ["t1", "t1ce", "t2", "flair"]})
    network = nn.Conv3d(2, 8, 3)
    before = network.weight.clone()
    assert not start_from_teacher(network, tmp_path / "teacher.pt", ("t1", "flair"))
    assert torch.equal(network.weight, before)


def test_a_folder_lists_its_networks_by_their_sequences(saved):
    path = saved[1]
    assert weight_files_in(path.parent) == {("t1ce", "flair"): str(path)}
    path.with_suffix(".json").unlink()
    assert weight_files_in(path.parent) == {}


def test_a_student_of_the_subset_comes_before_model_pt(tmp_path):
    assert network_path(tmp_path, ("t1ce", "flair")) == str(tmp_path / "model.pt")
    (tmp_path / "model_t1ce_flair.pt").touch()
    assert network_path(tmp_path, ("t1ce", "flair")) == str(tmp_path / "model_t1ce_flair.pt")


def test_a_student_of_all_four_sequences_is_not_the_teacher_beside_it(tmp_path):
    save_weights(tmp_path / "teacher.pt", nn.Conv3d(4, 3, 1), {"sequences": list(SEQUENCES)})
    assert student_path(tmp_path, SEQUENCES) == str(tmp_path / "teacher.pt")
    save_weights(tmp_path / "model.pt", nn.Conv3d(2, 3, 1), {"sequences": ["t1", "flair"]})  # another student's
    assert student_path(tmp_path, SEQUENCES) == str(tmp_path / "teacher.pt")
    assert student_path(tmp_path, ("t1", "flair")) == str(tmp_path / "model.pt")
    save_weights(tmp_path / "model.pt", nn.Conv3d(4, 3, 1), {"sequences": list(SEQUENCES)})
    assert student_path(tmp_path, SEQUENCES) == str(tmp_path / "model.pt")
    save_weights(tmp_path / "model_t1_t1ce_t2_flair.pt", nn.Conv3d(4, 3, 1), {"sequences": list(SEQUENCES)})
    assert student_path(tmp_path, SEQUENCES) == str(tmp_path / "model_t1_t1ce_t2_flair.pt")
    assert network_path(tmp_path, SEQUENCES) == str(tmp_path / "teacher.pt")
    (tmp_path / "teacher.pt").unlink()
    assert network_path(tmp_path, SEQUENCES) == str(tmp_path / "model_t1_t1ce_t2_flair.pt")


def test_a_teacher_is_named_by_its_folder_or_its_file(tmp_path):
    assert teacher_path(tmp_path) == teacher_path(tmp_path / "teacher.pt") == str(tmp_path / "teacher.pt")


@pytest.mark.parametrize(
    "state, complaint",
    [
        ({"weight": torch.tensor([1.0, float("nan")])}, "NaN or infinite weights .weight."),
        ({"weight": torch.tensor([float("inf")])}, "NaN or infinite weights"),
        ({"weight": torch.tensor([1, 2])}, "no floating-point weights"),
        ([torch.tensor([1.0])], "no state dict"),
        ({"weight": "text"}, "no state dict"),
    ],
)
def test_weights_that_cannot_be_a_networks_are_refused(state, complaint, tmp_path):
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(UserError, match=f"model.pt .*{complaint}"):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("{", "is not readable JSON"),
        ("[" * 100000, "is not readable JSON"),
        ("[1]", "is not the record of a weight file"),
        ('{"sequences": "flair"}', "\"sequences\" is 'flair', but must be a list of t1, t1ce, t2, flair"),
        ('{"sequences": [1, 2]}', r'"sequences" is \[1, 2\], but must be'),
        ('{"sequences": []}', r'"sequences" is \[\], but must be'),
        ('{"sequences": ["t1", "adc"]}', r"\"sequences\" is \['t1', 'adc'\], but must be"),
        ('{"sequences": ["flair", "t1ce"]}', "in this order"),
        ('{"filters": 16}', '"filters" is 16, but must be a list of whole numbers'),
        ('{"filters": ["a"]}', r"\"filters\" is \['a'\], but"),
        ('{"filters": [-4, 8]}', r'"filters" is \[-4, 8\], but'),
        ('{"filters": [16.5, 32]}', r'"filters" is \[16.5, 32\], but'),
        ('{"filters": [true, true]}', r'"filters" is \[True, True\], but'),
        ('{"spacing": "2"}', "\"spacing\" is '2', but must be a number of mm above 0"),
        ('{"spacing": true}', '"spacing" is True, but'),
        ('{"spacing": NaN}', '"spacing" is nan, but'),
        ('{"spacing": 0}', '"spacing" is 0, but'),
    ],
)
def test_a_damaged_record_is_named_with_its_key(text, complaint, saved):
    saved[1].with_suffix(".json").write_text(text)
    with pytest.raises(UserError, match=f"model.json.*{complaint}"):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"))


def test_a_folder_in_the_place_of_a_record_is_named(saved):
    saved[1].with_suffix(".json").unlink()
    saved[1].with_suffix(".json").mkdir()
    with pytest.raises(UserError, match="model.json is a folder, but must be the record of model.pt: move it away"):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"))


def test_exhausted_memory_is_not_called_a_damaged_file(saved, monkeypatch):
    def exhausted(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(torch, "load", exhausted)
    with pytest.raises(UserError, match="There is not enough memory to load .*model.pt: end other programs"):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"))


def test_the_advice_of_torch_to_load_without_checks_is_not_passed_on(tmp_path):
    torch.save({"weight": test_the_advice_of_torch_to_load_without_checks_is_not_passed_on}, tmp_path / "model.pt")
    with pytest.raises(UserError) as caught:
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))
    assert "weights_only" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the file size")
def test_a_full_disk_is_told_in_a_sentence_and_leaves_the_old_file(tmp_path):
    import resource

    save_state(tmp_path / "last.pt", {"a": torch.zeros(1)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"last.pt cannot be written \(File too large\)"):
            save_state(tmp_path / "last.pt", {"a": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert torch.load(tmp_path / "last.pt")["a"].shape == (1,) and len(list(tmp_path.iterdir())) == 1


def test_a_damaged_record_hides_no_other_network(tmp_path):
    for sequences in (("t1",), ("t2",)):
        save_weights(tmp_path / f"model_{sequences[0]}.pt", nn.Conv3d(1, 3, 1), {"sequences": list(sequences)})
    (tmp_path / "model_t1.json").write_text("{")
    assert weight_files_in(tmp_path) == {(name,): str(tmp_path / f"model_{name}.pt") for name in ("t1", "t2")}
    with pytest.raises(UserError, match="model_t1.json is not readable JSON"):
        load_weights(nn.Conv3d(1, 3, 1), tmp_path / "model_t1.pt", ("t1",))


def test_weights_whose_outputs_come_in_another_order_are_refused(tmp_path):
    save_weights(tmp_path / "model.pt", nn.Conv3d(2, 3, 1), RECORD | {"regions": ["wt", "tc", "et"]})
    with pytest.raises(
        UserError, match=r'"regions" is \[\'wt\', \'tc\', \'et\'\], but must be \[\'tc\', \'wt\', \'et\'\]'
    ):
        load_weights(nn.Conv3d(2, 3, 1), tmp_path / "model.pt", ("t1ce", "flair"))


@pytest.mark.parametrize("change", [torch.Tensor.to_sparse, lambda tensor: tensor.to("meta")], ids=["sparse", "meta"])
def test_tensors_without_plain_values_are_refused(saved, change):
    torch.save({name: change(tensor) for name, tensor in torch.load(saved[1], weights_only=True).items()}, saved[1])
    with pytest.raises(UserError, match="is no state dict of a network"):
        load_weights(nn.Conv3d(2, 3, 1), saved[1], ("t1ce", "flair"))
