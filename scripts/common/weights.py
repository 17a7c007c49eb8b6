# SPDX-License-Identifier: Apache-2.0
"""Weight files: state dicts, each with a JSON file of the same name that records how it was trained."""

import math
from functools import lru_cache
from pathlib import Path

import torch
from scripts.common.errors import UserError, is_out_of_memory
from scripts.common.files import hash_of, save_atomically, stamp_of
from scripts.common.json_files import read_json, save_json
from scripts.common.printable import shortened
from scripts.common.sequences import REGIONS, SEQUENCES, channels_of, limited_subsets
from torch import nn

# A DynUNet's deep-supervision heads, each under two names. Only training needs them, and TorchScript cannot save them
# (MONAI 1.6.1), so that they are not exported, nor are the projectors.
SUPERVISION_HEADS = ("deep_supervision_heads.", "super_head.")


def provenance_path(path: str | Path) -> Path:
    """``model.json`` for ``model.pt``."""
    return Path(path).with_suffix(".json")


def student_file(sequences: tuple[str, ...]) -> str:
    """File name of a student among those of other subsets, such as ``model_t1ce_flair.pt``."""
    return f"model_{'_'.join(sequences)}.pt"


def network_path(folder: str | Path, sequences: tuple[str, ...]) -> str:
    """The file for these sequences: ``model_t1ce_flair.pt``, of all four ``teacher.pt``; if missing, ``model.pt``.

    Without a teacher, a student of all four sequences is taken, ``model_t1_t1ce_t2_flair.pt``.
    """
    names = ["teacher.pt"] if tuple(sequences) == SEQUENCES else []
    files = [Path(folder) / name for name in (*names, student_file(sequences))]
    return str(next((file for file in files if file.is_file()), Path(folder) / "model.pt"))


def student_path(folder: str | Path, sequences: tuple[str, ...]) -> str:
    """As `network_path`, but a student of all four sequences is not taken for the ``teacher.pt`` that it was trained with.

    It is the ``model_t1_t1ce_t2_flair.pt`` or ``model.pt`` of the folder if one of them is for all four sequences.
    """
    for name in (student_file(sequences), "model.pt") if tuple(sequences) == SEQUENCES else ():
        path = Path(folder) / name
        if path.is_file() and _is_for(str(path), list(sequences)):
            return str(path)
    return network_path(folder, sequences)


def weight_files_in(folder: str | Path) -> dict[tuple[str, ...], str]:
    """The weight files of a folder by their sequences, of the 15 subsets; see `network_path`.

    A ``model.pt`` is listed under the sequences in its ``model.json``; without one it is not listed. A damaged record
    is no error here: a file whose name tells its sequences is listed, and refused when it is loaded.
    """
    found = {}
    for sequences in (*limited_subsets(), SEQUENCES):
        path = network_path(folder, sequences)
        if Path(path).is_file() and _is_for(path, list(sequences)):
            found[sequences] = path
    return found


def _is_for(path: str, sequences: list[str]) -> bool:
    named = Path(path).name != "model.pt"
    try:
        return provenance_of(path).get("sequences", sequences if named else None) == sequences
    except UserError:
        return named


def provenance_of(path: str | Path) -> dict:
    """The JSON record of a weight file; an empty dictionary if there is none.

    Raises:
        UserError: the record is not a JSON object, or its sequences, filters or spacing are impossible.
    """
    record = provenance_path(path)
    if record.is_dir():
        raise UserError(f"{record} is a folder, but must be the record of {Path(path).name}: move it away.")
    if not record.is_file():
        return {}
    try:
        content = read_json(record)
    except (ValueError, OSError) as error:
        raise UserError(f"{record} is not readable JSON ({error}): restore it, or remove it.") from error
    if not isinstance(content, dict):
        raise UserError(f"{record} is not the record of a weight file: restore it, or remove it.")
    for key, (valid, wanted) in PROVENANCE.items():
        if key in content and not valid(content[key]):
            value = shortened(repr(content[key]))
            raise UserError(f'{record}: "{key}" is {value}, but must be {wanted}: restore the file, or remove it.')
    return content


def weights_sha256(file: str) -> str:
    """The sha256 of a weight file, computed once, and again after the file was replaced."""
    return _sha256(file, stamp_of(file))


@lru_cache(maxsize=64)
def _sha256(file: str, stamp: tuple[int, int]) -> str:
    return hash_of(file)


def _are_sequences(names) -> bool:
    known = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    return bool(known) and names == [name for name in SEQUENCES if name in names]


def _are_filters(filters) -> bool:
    return isinstance(filters, list) and len(filters) > 1 and all(type(n) is int and 0 < n <= 2048 for n in filters)


def _is_spacing(mm) -> bool:
    return type(mm) in (int, float) and 0 < mm < math.inf


# What a record's keys must be, where inference and training read them.
PROVENANCE = {
    "sequences": (_are_sequences, f"a list of {', '.join(SEQUENCES)} in this order"),
    "filters": (_are_filters, "a list of whole numbers from 1 to 2048, such as [16, 32, 64, 128]"),
    "spacing": (_is_spacing, "a number of mm above 0"),
    "regions": (lambda regions: regions == list(REGIONS), f"{list(REGIONS)}, the networks' outputs in order"),
}


def teacher_path(path: str | Path) -> str:
    """``teacher.pt`` in a folder, or the file itself."""
    return str(Path(path) / "teacher.pt" if Path(path).suffix != ".pt" else path)


def save_weights(path: str | Path, network: nn.Module, provenance: dict) -> None:
    """Write a network's state dict, without deep-supervision heads, to ``path``, and its provenance as JSON."""
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items() if not _of_a_head(name)}
    save_json(provenance_path(path), provenance)
    save_state(path, state)


def save_state(path: str | Path, state: dict) -> None:
    """``torch.save`` of a dictionary, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """

    def write(temporary: Path) -> None:
        try:
            with temporary.open("wb") as file:
                torch.save(state, file)
        except RuntimeError as error:
            # torch hides the system's error, such as a full disk, behind one of its own
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise

    save_atomically(path, write)


def load_weights(
    network: nn.Module,
    path: str | Path,
    sequences: tuple[str, ...],
    spacing: float | None = None,
    key: str = "ckpt_dir",
) -> nn.Module:
    """Load a state dict into a network after checking that it was trained for these sequences and this spacing.

    Args:
        network: the network to fill, in place; its deep-supervision heads, if any, are not changed.
        path: a state dict; its ``<name>.json`` records the sequences and spacing of its training.
        sequences: the input channels in order.
        spacing: voxel size in mm at which the network will run; None to train it further at any spacing.
        key: the config key that gave the path, for the errors.

    Raises:
        UserError: no such file, not a checkpoint, trained for other sequences, at another spacing, or of another shape.
    """
    state, trained = _read(Path(path), sequences, key)
    if spacing is not None and trained.get("spacing", spacing) != spacing:
        raise UserError(
            f"{path} was trained at {trained['spacing']:g} mm, not at {spacing:g}: set --spacing "
            f"{trained['spacing']:g}, or take weights that were trained at your spacing."
        )
    return fill(network, state, f"{path} (filters {trained.get('filters', 'unknown')})", sequences)


def start_from_teacher(
    network: nn.Module, path: str | Path, sequences: tuple[str, ...], key: str = "teacher_from"
) -> bool:
    """Fill a network, in place, with the weights of a trained teacher of the same topology.

    Of the teacher's first layer the network takes the columns of its own sequences (`input_columns`). Its
    deep-supervision heads stay as they are.

    Args:
        network: a student's network, or a teacher's.
        path: the trained teacher's state dict.
        sequences: the input channels of the network, in order.
        key: the config key that gave the path, for the errors.

    Returns:
        True; False, with the network unchanged, if the teacher has other filters.

    Raises:
        UserError: no such file, or not a checkpoint of all four sequences.
    """
    state, _ = _read(Path(path), SEQUENCES, key)
    own = {name: tensor for name, tensor in network.state_dict().items() if not _of_a_head(name)}
    taken = {
        name: input_columns(tensor, sequences) if name in own and _fewer_inputs(own[name], tensor) else tensor
        for name, tensor in state.items()
        if not _of_a_head(name)
    }
    if {name: tensor.shape for name, tensor in own.items()} != {name: tensor.shape for name, tensor in taken.items()}:
        return False
    fill(network, taken, f"The teacher {path}", sequences)
    return True


def input_columns(weight: torch.Tensor, sequences: tuple[str, ...]) -> torch.Tensor:
    """The columns of a first layer for some of its sequences, rescaled so that its outputs keep their scale.

    Args:
        weight: (out, 4, k, k, k), a convolution of all sequences.
        sequences: those that are kept.

    Returns:
        (out, len(sequences), k, k, k), times 4 / len(sequences). With an instance norm after the layer the factor has
        no effect, with other norms it has.
    """
    return weight[:, channels_of(sequences)] * (len(SEQUENCES) / len(sequences))


def _fewer_inputs(own: torch.Tensor, given: torch.Tensor) -> bool:
    return given.ndim == 5 and given.shape[1] == len(SEQUENCES) != own.shape[1]


def _read(path: Path, sequences: tuple[str, ...], key: str) -> tuple[dict[str, torch.Tensor], dict]:
    if not path.is_file():
        raise UserError(
            f"There are no weights at {path}: train first, or point the key '{key}' to the folder that has them."
        )
    trained = provenance_of(path)
    if trained.get("sequences", list(sequences)) != list(sequences):
        choose = "" if sequences == SEQUENCES else f"set student_modalities to \"{trained['sequences']}\", or "
        raise UserError(
            f"{path} was trained for {' + '.join(trained['sequences'])}, not for {' + '.join(sequences)}: {choose}point "
            f"the key '{key}' to a network of {' + '.join(sequences)}."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # not chained: torch's own text advises to load untrusted files without checks
        if is_out_of_memory(error):
            raise UserError(f"There is not enough memory to load {path}: end other programs.") from None
        raise UserError(f"{path} is not a readable checkpoint: train or download it again.") from None
    _check_values(path, state)
    return state, trained


def _check_values(path: Path, state) -> None:
    if not isinstance(state, dict) or not all(_is_plain(tensor) for tensor in state.values()):
        raise UserError(f"{path} is no state dict of a network: give the file that a training saved as model.pt.")
    if not any(tensor.is_floating_point() for tensor in state.values()):
        raise UserError(f"{path} holds no floating-point weights: train or download it again.")
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise UserError(f"{path} holds NaN or infinite weights ({name}): train or download it again.")


def _is_plain(tensor) -> bool:
    """Whether it is a tensor with values, neither sparse nor of the device meta."""
    return isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and not tensor.is_meta


def fill(network: nn.Module, state: dict[str, torch.Tensor], what: str, sequences: tuple[str, ...]) -> nn.Module:
    """Load a state dict into all of a network but its deep-supervision heads.

    Raises:
        UserError: it does not fit; the message begins with ``what``.
    """
    own = network.state_dict()
    heads = {name: tensor for name, tensor in own.items() if _of_a_head(name)}
    try:
        network.load_state_dict({name: tensor for name, tensor in state.items() if not _of_a_head(name)} | heads)
    except (RuntimeError, AttributeError, TypeError) as error:
        raise UserError(
            f"{what} does not fit this network of {len(sequences)} input channels ({' + '.join(sequences)}): set "
            "student_modalities and filters (or teacher_filters) to those that it was trained with."
        ) from error
    return network


def _of_a_head(name: str) -> bool:
    return any(head in name for head in SUPERVISION_HEADS)
