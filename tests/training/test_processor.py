# SPDX-License-Identifier: Apache-2.0
import json

import pytest
import torch
from monai.bundle import ConfigParser
from scripts.training.processor import has_bfloat16
from tiny import ROOT

CONFIGS = ROOT / "configs"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (
            {"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False},
            False,
        ),  # EPYC of 2021, Xeon of 2019
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": False}, True),  # EPYC of 2022
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True, "amx_bf16": True}, True),  # Xeon of 2023
        ({"cpu_name": "neoverse_v1", "bf16": True}, True),
        ({"cpu_name": "some_bf16", "l1d_cache_size": 32768}, False),
    ],
)
def test_a_processor_has_bfloat16_where_one_of_its_instructions_is_for_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bfloat16("cpu") is expected
    assert has_bfloat16(torch.device("cpu")) is expected


def test_imitated_bfloat16_of_an_old_gpu_does_not_count(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert has_bfloat16("cuda:0") is False


def test_other_devices_stay_in_float32():
    assert has_bfloat16("mps") is False


@pytest.mark.parametrize("config", ["train", "inference"])
@pytest.mark.parametrize("there", [True, False])
def test_amp_is_on_where_the_processor_has_bfloat16(monkeypatch, config, there):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": there})
    parser = ConfigParser(json.loads((CONFIGS / f"{config}.json").read_text()) | {"device": "cpu"})
    assert parser.get_parsed_content("amp") is there
