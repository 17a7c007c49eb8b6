# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training, which `last.pt` keeps, so that a run goes on with the keys and subjects it began with."""

import json
import os

import ignite.distributed as idist
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.common.printable import some_of
from scripts.common.weights import teacher_path, weights_sha256
from scripts.config_checks.caller import calling_parser
from scripts.config_checks.values import value_of
from scripts.data.item_files import file_of

# Keys, with all below them, that may change when a run is resumed: they say how long, where and how it is watched, or
# they choose subjects, which are compared by themselves.
MAY_CHANGE = {
    *("epochs", "train#trainer#max_epochs", "resume", "device", "amp", "val_interval", "patience", "is_not_rank0"),
    *("bundle_root", "output_dir", "dataset_dir", "simulated#folder", "real#dataset_dir", "unlabelled_dir"),
    *("source#dataset_dir", "target#dataset_dir", "source_subjects", "provenance#source#dataset"),
    *("split", "real#split", "unlabelled_subjects"),
    *("subjects", "parts", "datalist", "real_subjects", "validate#loggers", "validate#handlers"),
    *("imports", "scripts_are_here", "initialize", "prepare", "cohort", "run", "training", "finalize", "_meta_"),
    *("run_state", "configuration"),
    # how whole scans are validated, whose rules have changed between versions
    *("validate#inferer#ensemble", "inferer#divisor"),
    # what versions before 0.16 did not have, or wrote otherwise
    *(
        "image_sequences",
        "provenance#learning_rate",
        "provenance#real_share",
        "provenance#real_subjects",
        "checkpoints",
        "train#sampler#num_samples",
    ),
    *("student_checkpoint#path", "tracking_uri", "experiment_name", "run_name", "save_execute_config"),
}
# Keys of preprocessing, which lie elsewhere since version 0.14: runs that were started before are not compared in them.
MOVED = (
    *("load_subject", "load_labelled", "interpolation", "to_grid", "train#load_unlabelled"),
    *("train#prepare_batch", "train#patches"),
)
# Handlers that only watch a training.
WATCHERS = {
    *("StatsHandler", "TensorBoardStatsHandler", "MLFlowHandler", "LossProgressBar", "TrainingProgressBar"),
    *("ValidationHandler", "LastValidation", "LastCheckpoint"),
}
PATHS = ("teacher_from", "student_from", "start_from")
# The parts whose subjects change the result of a training.
TRAINED_ON = ("training", "validation")


class RunConfiguration:
    """What decides the result of a training, as a state for `scripts.training.checkpoints.LastCheckpoint`.

    Args:
        datalist: the parts of the dataset, see `scripts.data.splits.split`.
        parser: holds the config; by default that of the workflow which evaluates this call.
    """

    def __init__(self, datalist: dict[str, list[dict]], parser: ConfigParser | None = None) -> None:
        parser = parser or calling_parser()
        config = parser.get()
        self.state = {
            "keys": json.loads(json.dumps(flat_keys(config), default=str)),
            "subjects": {part: {item["subject"]: _bytes(item) for item in datalist[part]} for part in TRAINED_ON},
            "processes": idist.get_world_size(),
            "label_teacher": _label_teacher(parser),
        }

    def state_dict(self) -> dict:
        return self.state

    def load_state_dict(self, stored: dict) -> None:
        """Compare this configuration with a stored one, which stays as it is.

        Raises:
            UserError: a key or a subject that changes results differs; it names both values.
        """
        differing = _differing_keys(stored["keys"], self.state["keys"])
        if stored["processes"] != self.state["processes"]:
            differing.append(f"the number of processes ({stored['processes']}, now {self.state['processes']})")
        if stored.get("label_teacher", self.state["label_teacher"]) != self.state["label_teacher"]:
            differing.append("the weights of the teacher that labels scans, which are others now")
        for part in TRAINED_ON:
            differing += _differing_subjects(stored["subjects"][part], self.state["subjects"][part], part)
        if differing:
            more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
            raise UserError(
                f"The run to resume was started with another configuration: {'; '.join(differing[:5])}{more}. Resume it "
                "with its own values, or start again in another --output_dir."
            )


def flat_keys(config: dict) -> dict[str, object]:
    """The values in a config by their ids, as they are written, without those that may change (`MAY_CHANGE`)."""
    found = {}

    def add(path: str, value) -> None:
        if path in MAY_CHANGE:
            return
        if path == "train#handlers" and isinstance(value, list):
            found[path] = [handler for handler in value if not _watches(handler)]
        elif isinstance(value, dict) and value:
            for key, below in value.items():
                add(f"{path}#{key}" if path else key, below)
        elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
            for number, below in enumerate(value):
                add(f"{path}#{number}", below)
        elif path in PATHS and isinstance(value, str) and not value.startswith(("$", "@")):
            found[path] = os.path.normpath(value)
        else:
            found[path] = value

    add("", config)
    return found


def _label_teacher(parser: ConfigParser) -> str | None:
    """The sha256 of the teacher that labels scans without label maps, whose labels each process makes anew."""
    if "unlabelled_subjects" not in parser.get() or (given := value_of(parser, "teacher_from")) is None:
        return None
    path = teacher_path(given)
    return weights_sha256(path) if os.path.isfile(path) else None


def _watches(handler) -> bool:
    return isinstance(handler, dict) and str(handler.get("_target_")).rpartition(".")[2] in WATCHERS


def _differing_keys(stored: dict, given: dict) -> list[str]:
    absent = object()
    moved = () if "train#patches#_target_" in stored else MOVED
    names = [name for name in {**stored, **given} if stored.get(name, absent) != given.get(name, absent)]
    names = [name for name in names if not name.startswith(moved)]
    names.sort(key=lambda name: (name != "provenance#recipe", name.count("#")))
    return [f"{name} ({_text(stored, name)}, now {_text(given, name)})" for name in names]


def _text(keys: dict, name: str) -> str:
    text = json.dumps(keys[name]) if name in keys else "not set"
    return text if len(text) <= 120 else f"{text[:117]}..."


def _differing_subjects(stored: dict[str, int], given: dict[str, int], part: str) -> list[str]:
    kinds = {
        f"{part} subjects that are missing": stored.keys() - given.keys(),
        f"{part} subjects that are new": given.keys() - stored.keys(),
        f"{part} subjects with other files": {n for n in stored.keys() & given.keys() if stored[n] != given[n]},
    }
    return [f"{kind} ({some_of(sorted(names))})" for kind, names in kinds.items() if names]


def _bytes(item: dict) -> int:
    """Size of all files of a subject, by which other files under the same name are noticed."""
    return sum(
        os.path.getsize(path) for path in map(file_of, item.values()) if isinstance(path, str) and os.path.isfile(path)
    )
