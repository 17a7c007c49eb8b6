# SPDX-License-Identifier: Apache-2.0
"""What an inference is given: a folder of subjects, or one image with the sequences as channels."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from monai.transforms import MapTransform
from scripts.common.errors import ScanError, UserError
from scripts.common.files import ROOT
from scripts.common.sequences import ordered, subset_name
from scripts.common.weights import provenance_of, weight_files_in
from scripts.data.datalist import sequences_present, subjects_in, with_printable_name
from scripts.data.image_channels import image_item
from scripts.data.item_files import scan_hashes
from scripts.data.load_scan import LoadSequencesd
from scripts.inference.routing import assign_networks


def subjects_to_segment(
    dataset_dir: str | Path,
    sequences: Sequence[str],
    ckpt_dir: str | Path,
    image: str | list[str] | None = None,
    image_sequences: str | Sequence[str] = "",
) -> list[dict]:
    """Datalist items of an inference: that of one image, if it is given, else those of a folder.

    Args:
        dataset_dir, sequences: of the folder, see `scripts.data.datalist.subjects_in`.
        ckpt_dir: folder of the networks; an image with other channels than ``sequences`` gets its network from there.
        image, image_sequences: see `scripts.data.image_channels.image_item`.

    Raises:
        UserError: an image after whose name no result can be named; see also these functions.
    """
    if image is None:
        return subjects_in(dataset_dir, sequences, labelled=False)
    item = with_printable_name(image_item(image, image_sequences, sequences), image)
    if "error" in item:
        raise UserError(item["error"])
    return [with_network(item, sequences, ckpt_dir)]


def with_network(item: dict, own: Sequence[str], ckpt_dir: str | Path) -> dict:
    """Add to an item its ``sequences`` and, unless they are the run's own, ``network``, the weight file for them."""
    present = sequences_present(item)
    if present == tuple(own):
        return item | {"sequences": subset_name(present)}
    return assign_networks([item], ckpt_dir)[0]


class LoadScansd(MapTransform):
    """`scripts.data.load_scan.LoadSequencesd`, also for items of MONAI Label and MONAI Deploy, which have one image.

    An item with the key but without ``subject`` is theirs. Its other keys stay, as these programs read them later. The
    loaded image's ``meta`` tells the inferer which ``sequences`` it has and which ``network`` they need
    (`scripts.inference.routing.RoutedInferer`).

    Both programs run the first transform as it is: MONAI Label replaces only MONAI's ``LoadImaged``, and MONAI Deploy,
    which gives images from memory, leaves out transforms with ``LoadImage`` in their names.

    Args:
        keys: of the image, which may be a path, a list of paths, or an array in memory.
        sequences: of the run's own network.
        image_sequences: see `scripts.data.image_channels.image_item`.
        ckpt_dir: folder of the networks for other sequences. If it is a relative path without a network, the bundle's
            ``models`` is meant: MONAI Deploy does not say where the bundle lies.
        resample, thinnest: of `LoadSequencesd`.
    """

    def __init__(
        self,
        keys,
        sequences: str | Iterable[str],
        image_sequences: str | Sequence[str] = "",
        ckpt_dir: str | Path = "models",
        resample: bool = False,
        thinnest: float = 0.0,
    ) -> None:
        super().__init__(keys)
        self.sequences = ordered(sequences)
        self.image_sequences = image_sequences
        self.ckpt_dir = Path(ckpt_dir)
        self.load = LoadSequencesd(self.sequences, resample=resample, thinnest=thinnest)

    def __call__(self, data):
        """
        Raises:
            ScanError, UserError: from `LoadSequencesd` and `scripts.data.image_channels.image_item`.
        """
        if "subject" in data:
            loaded = self._loaded(data)
            return loaded | {"scans_sha256": scan_hashes(data, loaded["sequences"].split("+"))}
        own_folder = self.ckpt_dir.is_absolute() or weight_files_in(self.ckpt_dir)
        folder = self.ckpt_dir if own_folder else ROOT / "models"
        chosen = _chosen_file(data, folder)
        own = tuple(provenance_of(chosen).get("sequences", self.sequences)) if chosen else self.sequences
        item = with_network(image_item(data[self.keys[0]], self.image_sequences, own), own, folder)
        if "error" in item:
            raise ScanError(item["error"])
        if chosen and "network" not in item:
            item["network"] = str(chosen)
        loaded = self._loaded(item)
        # with a NIfTI file's name MONAI's Spacingd (1.6.1) takes MONAI Label's `image_path` for metadata
        del loaded["image"].meta["filename_or_obj"]
        return dict(data) | loaded

    def _loaded(self, item) -> dict:
        loaded = self.load(item)
        loaded["image"].meta |= {key: loaded[key] for key in ("sequences", "network") if key in loaded}
        return loaded


def _chosen_file(data, folder: Path) -> Path | None:
    """The weight file that the user of MONAI Label chose, if it is another than ``model.pt``."""
    name = data.get("model_filename")
    if isinstance(name, str) and name != "model.pt" and (folder / Path(name).name).is_file():
        return folder / Path(name).name
    return None
