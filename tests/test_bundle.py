# SPDX-License-Identifier: Apache-2.0
"""The package as MONAI and the model zoo want it: metadata, copies that must agree, files, commands of the README."""

import ast
import json
import re
from importlib.metadata import version

import pytest
import torch
from monai.bundle import ConfigParser, download_large_files, verify_metadata, verify_net_in_out
from scripts.common.labels import LABEL_CONVENTIONS
from scripts.common.sequences import REGIONS, SEQUENCES, ordered
from scripts.common.weights import load_weights
from scripts.evaluation.summary import read_cases
from tiny import ROOT

CONFIGS = sorted((ROOT / "configs").glob("*.json"))
METADATA = json.loads((ROOT / "configs" / "metadata.json").read_text())
README = (ROOT / "README.md").read_text()
# MONAI's schema (Apache-2.0), a copy, since the tests need no network; the md5 is published in MONAI's own tests
SCHEMA = ROOT / "tests" / "meta_schema_20240725.json"
SCHEMA_MD5 = "06954cad2cc5d3784e72077ac76f0fc8"


def _config(name) -> dict:
    return json.loads((ROOT / "configs" / name).read_text())


def _files(*folders) -> list:
    return [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]


def _network(key="network_def", config="inference.json") -> torch.nn.Module:
    parser = ConfigParser()
    parser.read_config([str(ROOT / "configs" / config)])
    return parser.get_parsed_content(key).eval()


def _format(name, part="inputs", tensor="image") -> dict:
    return METADATA[name][part][tensor]


def test_monai_verifies_the_metadata():
    assert METADATA["schema"].endswith(SCHEMA.name)
    meta = str(ROOT / "configs" / "metadata.json")
    verify_metadata(meta_file=meta, filepath=str(SCHEMA), hash_val=SCHEMA_MD5, hash_type="md5")


def test_monai_refuses_metadata_without_a_task(tmp_path):
    (tmp_path / "metadata.json").write_text(json.dumps({k: v for k, v in METADATA.items() if k != "task"}))
    with pytest.raises(ValueError, match="'task' is a required property"):
        verify_metadata(meta_file=str(tmp_path / "metadata.json"), filepath=str(SCHEMA))


@pytest.mark.parametrize("n", [1, 2])
def test_monai_verifies_what_goes_in_and_out_of_the_student(n):
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(ROOT / "configs" / "metadata.json"),
        config_file=str(ROOT / "configs" / "inference.json"),
        n=n,
        device="cpu",
    )


def test_teacher_takes_the_shape_that_the_metadata_declares():
    given = _format("teacher_data_format")
    shape = [eval(size, {"n": 1}) if isinstance(size, str) else size for size in given["spatial_shape"]]
    with torch.no_grad():
        result = _network("teacher_def", "train.json")(torch.zeros(1, given["num_channels"], *shape))
    assert result.shape == (1, _format("teacher_data_format", "outputs", "pred")["num_channels"], *shape)


def test_channels_of_the_metadata_are_those_of_the_code():
    assert list(_format("teacher_data_format")["channel_def"].values()) == list(SEQUENCES)
    student = _format("network_data_format")
    assert list(student["channel_def"].values()) == list(ordered(_config("inference.json")["student_modalities"]))
    assert student["num_channels"] == len(student["channel_def"])
    for name in ("network_data_format", "teacher_data_format"):
        prediction = _format(name, "outputs", "pred")
        assert prediction["num_channels"] == len(REGIONS) == _config("train.json")["network_def"]["out_channels"]
    assert list(_format("teacher_data_format", "outputs", "pred")["channel_def"].values()) == list(REGIONS)


def test_names_of_the_labels_are_those_of_the_saved_numbers():
    # MONAI Label takes names and numbers from here; Slicer numbers its segments 1, 2, 3, ..., so that 3 has a name, too
    names = {
        int(number): name for number, name in _format("network_data_format", "outputs", "pred")["channel_def"].items()
    }
    assert sorted(names) == list(range(5)) and names[0] == "background" and names[3] == "not used"
    numbers = LABEL_CONVENTIONS[_config("inference.json")["label_convention"]]
    for tissue in ("core", "oedema", "enhancing"):
        assert tissue in names[numbers[tissue]]


def test_version_is_in_the_changelog_and_fit_for_a_file_name():
    assert METADATA["version"] in METADATA["changelog"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", METADATA["version"])


def test_metrics_of_the_metadata_are_those_of_the_stored_results():
    for name, file, african in (("gli", "real_kfold", 0), ("ssa", "real_kfold", 1), ("simulated", "simulated", 0)):
        cases = read_cases(ROOT / "docs" / "results" / f"{file}.csv")
        cases = cases[(cases.sequences == "t1ce+flair") & (cases.subject.str.startswith("BraTS-SSA") == bool(african))]
        for region in REGIONS:
            dice = cases[cases.region == region].dice.mean()
            assert METADATA["eval_metrics"][f"{name}_dice_{region}"] == round(float(dice), 3)


def _pins(file) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / file).read_text(), flags=re.MULTILINE))


def test_versions_agree_in_metadata_requirements_and_environment():
    named = {
        "monai": METADATA["monai_version"],
        "torch": METADATA["pytorch_version"],
        "numpy": METADATA["numpy_version"],
    }
    pins = _pins("requirements.txt")
    assert pins == named | METADATA["required_packages_version"]
    for package, pin in (pins | _pins("requirements-test.txt")).items():
        assert version(package).split("+")[0] == pin, package


@pytest.mark.parametrize("key", ["filters", "student_modalities", "spacing", "sequences", "device", "amp"])
def test_inference_repeats_training_exactly(key):
    # MONAI Label loads inference.json alone, hence the copies
    assert _config("inference.json")[key] == _config("train.json")[key]


def test_inference_network_is_that_of_training_without_deep_supervision():
    training = _config("train.json")["network_def"]
    assert training.pop("deep_supervision") is True and training.pop("deep_supr_num")
    assert _config("inference.json")["network_def"] == training


def test_networks_of_the_overlays_are_those_of_the_two_main_configs():
    ensemble = _config("ensemble_inference.json")["network_def"]
    for part, channels in (("teacher", "$len(@teacher_sequences)"), ("student", "$len(@student_modalities)")):
        text = json.dumps(ensemble[part]).replace("@teacher_filters", "@filters")
        assert json.loads(text) == _config("inference.json")["network_def"] | {"in_channels": channels}
    other = _config("inference.json")["other_networks"]["build"]
    assert other.pop("_mode_") == "callable"
    assert other == {
        key: value for key, value in _config("inference.json")["network_def"].items() if key != "in_channels"
    }
    student = _config("train_all.json")["new_student"]
    assert student.pop("_mode_") == "callable"
    training = _config("train.json")["network_def"]
    assert student == {key: value for key, value in training.items() if key != "in_channels"}


def test_teacher_differs_from_student_in_its_input_and_filters_alone():
    train = _config("train.json")
    teacher = json.loads(json.dumps(train["teacher_def"]).replace("@teacher_filters", "@filters"))
    differing = {key for key in train["network_def"] if train["network_def"][key] != teacher.get(key)}
    assert differing == {"in_channels"} and train["network_def"].keys() == teacher.keys()
    assert train["teacher_filters"] == "@filters"


@pytest.mark.parametrize("name, key", [("model", "network_def"), ("teacher", "teacher_def")])
def test_shipped_weights_say_that_they_are_for_the_shipped_configs(name, key):
    weights = ROOT / "models" / f"{name}.pt"
    record, train = json.loads(weights.with_suffix(".json").read_text()), _config("train.json")
    sequences = ordered(train["student_modalities"]) if name == "model" else SEQUENCES
    assert record["sequences"] == list(sequences) and record["regions"] == list(REGIONS)
    assert record["spacing"] == train["spacing"] and record["filters"] == train["filters"]
    load_weights(_network(key, "train.json"), weights, sequences, record["spacing"])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_config_parses_without_duplicate_keys(path, monkeypatch):
    monkeypatch.setenv("MONAI_FAIL_ON_DUPLICATE_CONFIG", "1")
    ConfigParser.load_config_file(str(path))


def test_files_are_formatted_as_the_hooks_of_the_model_zoo_want():
    for path in _files("configs", "docs", "models", "scripts", "tests"):
        if path.suffix == ".json":  # pretty-format-json with --indent=4 --no-sort-keys
            assert path.read_text() == json.dumps(json.loads(path.read_text()), indent=4) + "\n", path
        if path.suffix in (".md", ".txt", ".csv", ".html", ".css", ".py", ".conf", ".svg"):
            # trailing-whitespace, end-of-file-fixer, mixed-line-ending
            text = path.read_bytes().decode()
            assert not re.search(r"[ \t]$|\r", text, flags=re.MULTILINE), path
            assert not text or text.endswith("\n") and not text.endswith("\n\n"), path
        if path.suffix == ".py":  # check-docstring-first: no text of a module but at its start
            later = ast.parse(path.read_text()).body[1:]
            texts = [node for node in later if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
            assert texts == [], path


def test_duplicate_key_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_FAIL_ON_DUPLICATE_CONFIG", "1")
    (tmp_path / "twice.json").write_text('{"epochs": 1, "epochs": 2}')
    with pytest.raises(ValueError, match="[Dd]uplicate"):
        ConfigParser.load_config_file(str(tmp_path / "twice.json"))


@pytest.mark.parametrize(
    "path", [*CONFIGS, ROOT / "configs" / "logging.conf", ROOT / "README.md"], ids=lambda p: p.name
)
def test_no_absolute_or_personal_path(path):
    roots = "home|Users|root|mnt|media|data|workspace|work|tmp|scratch|opt|var"
    assert not re.search(rf"(?<![\w.])(/({roots})/|~/|[A-Za-z]:\\\\)", path.read_text())


TRAIN_KEYS = """
bundle_root device dataset_dir output_dir network_def val_interval run training
train#trainer train#trainer#max_epochs train#dataset train#dataset#data train#inferer train#handlers train#preprocessing
validate#evaluator validate#handlers validate#dataset validate#dataset#data validate#inferer validate#preprocessing
validate#postprocessing validate#key_metric
"""
INFERENCE_KEYS = """
bundle_root device dataset_dir output_dir network_def dataset dataset#data inferer preprocessing postprocessing handlers
evaluator run inference
"""


@pytest.mark.parametrize("name, keys", [("train.json", TRAIN_KEYS), ("inference.json", INFERENCE_KEYS)])
def test_config_has_the_keys_that_the_model_zoo_requires(name, keys):
    parser = ConfigParser(_config(name))
    assert [key for key in keys.split() if key not in parser] == []


@pytest.mark.parametrize("root", ["nothing", 5, None])
@pytest.mark.parametrize("name", ["train.json", "inference.json"])
def test_errors_are_told_in_a_sentence_also_if_the_bundle_root_is_wrong(name, root, monkeypatch):
    monkeypatch.chdir(ROOT)
    parser = ConfigParser(_config(name) | {"bundle_root": root})
    parser["imports"] = ["$import os", "$import sys"]
    steps = [step for step in _config(name)["initialize"] if isinstance(step, dict)]
    assert steps[0]["_target_"] == "scripts.common.console.set_up_console"
    disabled = [parser.get_parsed_content(f"initialize#{number + 1}#_disabled_") for number in range(len(steps))]
    assert disabled == [False] * len(steps)


def test_validation_interval_is_the_key_that_monai_looks_for():
    handlers = _config("train.json")["train"]["handlers"]
    assert [h["interval"] for h in handlers if h["_target_"] == "ValidationHandler"] == ["@val_interval"]


def test_necessary_files_are_there():
    # the first four are those that the zoo's verify_bundle.py requires or prefers
    necessary = [
        "LICENSE",
        "configs/metadata.json",
        "configs/inference.json",
        "models/model.pt",
        "README.md",
        "docs/README.md",
        "docs/data_license.txt",
        "configs/logging.conf",
        "large_files.yml",
    ]
    assert [name for name in necessary if not (ROOT / name).is_file()] == []
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_no_file_is_larger_than_the_zoo_allows():
    files = _files("configs", "docs", "models", "scripts", "tests")
    assert [str(file) for file in files if file.stat().st_size > 25 * 2**20] == []


def test_monai_takes_the_large_files_for_fetched():
    # they lie here and fit their hashes, so nothing is downloaded; a wrong hash would be an error
    download_large_files(bundle_path=str(ROOT))


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_commands_of_the_documents_name_files_keys_and_runs_that_exist(page):
    text = (ROOT / page).read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL) + re.findall(r"`(torchrun [^`]+)`", text)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) >= 7 or page not in ("README.md", "docs/README.md")
    for command in commands:
        for file in re.findall(r"(?:configs/\w+\.json|requirements[\w-]*\.txt)", command):
            assert (ROOT / file).is_file(), command
        for module in re.findall(r"-m (scripts[.\w]+)", command):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), command
        for run in re.findall(r"monai\.bundle run (\w+)", command):
            parser = ConfigParser()
            parser.read_config([str(ROOT / file) for file in re.findall(r"configs/\w+\.json", command)])
            assert run in parser, command
            overrides = re.findall(r"--([\w#]+)", command.split("monai.bundle run")[1])
            assert [key for key in overrides if key != "config_file" and key not in parser] == [], command


def test_keys_of_the_documents_exist():
    table = (ROOT / "docs" / "keys.md").read_text()
    rows = re.findall(r"^\| (`.+?) \|", table.split("## Overlays")[0], flags=re.MULTILINE)
    keys = {key.replace("NAME", "barlow_twins") for row in rows for key in re.findall(r"`([\w#]+)`", row)}
    parsers = [ConfigParser(_config(path.name)) for path in CONFIGS]
    assert len(keys) > 40 and [key for key in keys if not any(key in parser for parser in parsers)] == []


def test_ci_runs_the_readmes_test_command():
    ci = (ROOT / ".ci" / "run").read_text()
    assert "pip install -r requirements-test.txt" in README and "pip install -r requirements-test.txt" in ci
    assert re.search(r"python -m pytest\s*$", README.split("Install what the tests need")[1].split("```")[1])
    assert "MONAI_FAIL_ON_DUPLICATE_CONFIG=1" in ci and re.search(r"python -m pytest\b", ci)
