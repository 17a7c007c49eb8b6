# SPDX-License-Identifier: Apache-2.0
"""The record beside each label map: network, volumes, quality and flags."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from monai.data.utils import affine_to_spacing
from monai.transforms import Transform
from scripts.common.metrics import voxel_ml
from scripts.common.printable import printable
from scripts.common.versions import versions
from scripts.common.weights import provenance_of, weights_sha256

NO_TUMOUR, ODD_VOLUME, UNCERTAIN = "no tumour found", "volume outside the expected range", "uncertain"
WITHOUT_T1CE = "enhancing tumour was drawn without T1ce, so its place and size are a guess"
SWAPPED = "{0} and {1} may be swapped: fluid should be bright on {0} and dark on {1}"
SMALL_BRAIN = "the scans show only {:.0f} ml of brain, so they may be cut, or their voxel size may be wrong"
SWAPPED_WITH_FLAIR = "{0} and {1} may be swapped: white matter should be brighter than grey on {0}, not on {1}"
TURNED = "the scan may not lie as its header says, so left, front or top may be wrong: {}"
APART = "{}: another patient's scan, a mirrored one, or not co-registered?"
UNKNOWN_NAMES = "files were not used, because they are no NIfTI files or their names do not end in a sequence"
# Less than the brain of an infant.
SMALLEST_BRAIN_ML = 300.0


class RecordSegmentationd(Transform):
    """Add ``record``: how a label map was made, what it contains, and flags that ask for a human's review.

    Args:
        weight_files: weight files of subjects without their own (``network``); None if each has.
        settings: keys of the run that change the label map (JSON values).
        wt_range_ml: smallest and largest whole tumour, in ml, that is not flagged. Simulated training tumours have 8 to
            260 ml, the 354 of BraTS 2020 have 21 to 200 ml between the 5th and 95th percentiles. The default adds a
            margin for small remnants and very large tumours.
        max_entropy: mean entropy in bits (`scripts.inference.quality.mean_entropy`) above which a subject is flagged;
            docs/accuracy.md shows which segmentations the default flags.
        max_disagreement: ``mirror_disagreement`` of the whole tumour above which a subject is flagged, if mirroring is
            on. The default comes from eleven real subjects, segmented from FLAIR + T1ce by the first
            ``models/model.pt``: the three with a Dice below 0.6 had 0.047, 0.071 and 0.096, the others at most 0.040.
            These are few subjects and one network.
    """

    def __init__(
        self,
        weight_files: Sequence[str] | None,
        settings: Mapping | None = None,
        wt_range_ml: Sequence[float] = (1, 300),
        max_entropy: float = 0.22,
        max_disagreement: float = 0.045,
    ) -> None:
        self.weight_files = weight_files
        self.settings = dict(settings or {})
        self.wt_range_ml = tuple(wt_range_ml)
        self.max_entropy, self.max_disagreement = max_entropy, max_disagreement

    def __call__(self, data):
        """
        Args:
            data: with ``subject``, ``sequences``, ``label_map``, ``volumes_ml``, ``quality`` and, without
                ``weight_files``, ``network``; optionally with ``pred_et_contrast``
                (`scripts.inference.enhancement`), ``swapped`` (`scripts.inference.swapped`), ``turned``
                (`scripts.inference.turned`), ``apart`` (`scripts.data.load_scan`), ``image`` (C, X, Y, Z), 0 outside
                the brain, ``ignored`` (`scripts.data.datalist.subjects_in`) and ``scans_sha256``
                (`scripts.data.item_files.scan_hashes`).

        Returns:
            The item with ``record``, a dictionary of JSON values.
        """
        volumes = {region: round(float(ml), 3) for region, ml in data["volumes_ml"].items()}
        flags = self.flags(volumes, data["quality"])
        guessed = volumes["et"] > 0 and "t1ce" not in data["sequences"].split("+")
        flags += [WITHOUT_T1CE] if guessed else []
        if data.get("swapped"):
            flags += [(SWAPPED if data["swapped"][0] == "t2" else SWAPPED_WITH_FLAIR).format(*data["swapped"])]
        flags += [TURNED.format(data["turned"])] if data.get("turned") else []
        flags += [APART.format(data["apart"])] if data.get("apart") else []
        if "image" in data and (brain_ml := _brain_ml(data["image"])) < SMALLEST_BRAIN_ML:
            flags += [SMALL_BRAIN.format(brain_ml)]
        flags += [f"{UNKNOWN_NAMES}: {printable(data['ignored'])}"] if "ignored" in data else []
        record = {
            "subject": data["subject"],
            "flags": flags,
            "volumes_ml": volumes,
            "quality": data["quality"] | {"et_contrast": data.get("pred_et_contrast")},
            "sequences": data["sequences"].split("+"),
            "scans_sha256": data.get("scans_sha256", {}),
            "networks": [network_facts(str(data["network"]))] if "network" in data else self._own_networks,
            "shape": list(data["label_map"].shape),
            "spacing_mm": [round(mm, 4) for mm in affine_to_spacing(data["label_map"].affine).tolist()],
            "settings": self.settings,
            "versions": versions(),
        }
        return dict(data) | {"record": record}

    @cached_property
    def _own_networks(self) -> list[dict]:
        """Facts of the run's own weight files; a file that is replaced later is not the one that was loaded."""
        return [network_facts(str(file)) for file in self.weight_files]

    def flags(self, volumes_ml: Mapping[str, float], quality: Mapping) -> list[str]:
        """Flags of volumes and quality: `NO_TUMOUR` alone, or `ODD_VOLUME` and `UNCERTAIN` as they apply."""
        wt = volumes_ml["wt"]
        if wt == 0:
            return [NO_TUMOUR]
        low, high = self.wt_range_ml
        mirrored = quality["mirror_disagreement"]
        uncertain = quality["entropy_bits"] is not None and quality["entropy_bits"] > self.max_entropy
        uncertain = uncertain or (mirrored is not None and mirrored["wt"] > self.max_disagreement)
        return ([] if low <= wt <= high else [ODD_VOLUME]) + ([UNCERTAIN] if uncertain else [])


def _brain_ml(image) -> float:
    return int((image != 0).any(dim=0).sum()) * voxel_ml(image.affine.cpu())


def network_facts(file: str) -> dict:
    """Path, sha256 and provenance of a weight file; only the path if it is not there, as in an exported network."""
    if not Path(file).is_file():
        return {"file": file}
    return {"file": file, "sha256": weights_sha256(file), "trained": provenance_of(file)}
