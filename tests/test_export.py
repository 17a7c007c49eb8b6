"""Student and teacher as TorchScript and as ONNX, made by MONAI's own commands, against PyTorch."""

import onnxruntime
import pytest
import torch
from monai.bundle import ConfigParser, ckpt_export, onnx_export
from scripts.common.sequences import SEQUENCES, ordered
from scripts.common.weights import load_weights
from tiny import ROOT

CONFIG = str(ROOT / "configs" / "inference.json")
META = str(ROOT / "configs" / "metadata.json")
SIZE = (48, 56, 40)  # three different multiples of 8, none of them the exporter's example
ONNX = {  # of torch's exporter; one file, and any size
    "input_names": ["image"],
    "output_names": ["pred"],
    "dynamic_shapes": [{2: "x", 3: "y", 4: "z"}],
    "external_data": False,
}


@pytest.fixture(params=["model", "teacher"])
def shipped(request):
    """A shipped weight file, the keys of inference.json that build its network, and the network."""
    weights, parser = ROOT / "models" / f"{request.param}.pt", ConfigParser()
    parser.read_config(CONFIG)
    keys = {"student_modalities": list(SEQUENCES)} if request.param == "teacher" else {}
    parser.update(keys)
    sequences = ordered(parser["student_modalities"])
    return weights, keys, load_weights(parser.get_parsed_content("network_def"), weights, sequences).eval()


def _pytorch(network) -> tuple[torch.Tensor, torch.Tensor]:
    """A random image and the network's logits of it."""
    image = torch.randn(1, network.in_channels, *SIZE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return image, network(image)


def test_torchscript_gives_the_logits_of_pytorch(shipped, tmp_path):
    weights, keys, network = shipped
    path = str(tmp_path / "model.ts")
    ckpt_export("network_def", filepath=path, ckpt_file=str(weights), meta_file=META, config_file=CONFIG, **keys)
    image, expected = _pytorch(network)
    with torch.no_grad():
        difference = (torch.jit.load(path)(image) - expected).abs().max().item()
    print(f"TorchScript, {weights.name}: logits up to {expected.abs().max():.1f} differ by {difference:.1e}")
    assert difference < 1e-4


def test_onnx_gives_the_logits_of_pytorch_at_another_size_than_the_examples(shipped, tmp_path):
    weights, keys, network = shipped
    path = str(tmp_path / "model.onnx")
    onnx_export(
        net_id="network_def",
        filepath=path,
        ckpt_file=str(weights),
        meta_file=META,
        config_file=CONFIG,
        use_trace=True,  # MONAI 1.6.1 hands the exporter's own arguments on only then
        input_shape=[1, network.in_channels, 32, 32, 32],
        converter_kwargs=dict(ONNX),
        **keys,
    )
    image, expected = _pytorch(network)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    result = torch.from_numpy(session.run(["pred"], {"image": image.numpy()})[0])
    difference = (result - expected).abs().max().item()
    print(f"ONNX, {weights.name}: logits up to {expected.abs().max():.1f} differ by {difference:.1e}")
    # two orders of summation in float32
    assert result.shape == expected.shape and difference < 1e-4
