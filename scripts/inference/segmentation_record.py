# SPDX-License-Identifier: Apache-2.0
"""What is written beside a label map: the network that made it, volumes, quality, flags; and a batch's table."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from monai.data.utils import affine_to_spacing
from monai.transforms import Transform

from scripts.common.files import ROOT, save_atomically
from scripts.common.weights import provenance_of

BUNDLE = ROOT / "configs" / "metadata.json"
NO_TUMOUR, ODD_VOLUME, UNCERTAIN = "no tumour found", "volume outside the range seen in training", "uncertain"
STILL_THERE = " The label map in the folder is of an earlier run."
FAINT = "what looked like enhancing tumour is hardly brighter than oedema on T1ce and was made core"
NOT_USED = "not used, since only names that end in the sequence are understood"


class RecordSegmentationd(Transform):
    """Collect what a reader of a label map must know of how it came to be, and flag what a human should look at.

    Args:
        networks: weight files that every subject is segmented with; None where each has its own (``network``).
        settings: keys of the run that change the label map (JSON values).
        wt_range_ml: smallest and largest whole tumour in ml that is not flagged. Training's simulated tumours have 8 to
            260 ml, the 354 of BraTS 2020 21 to 200 between their 5th and 95th percentiles; a good margin is added,
            since small rests and very large tumours exist.
        max_entropy: mean entropy in bits (`scripts.inference.quality.mean_entropy`) above which a subject is flagged. Which
            segmentations the default marks stands in docs/accuracy.md.
        max_disagreement: likewise for the whole tumour's ``mirror_disagreement``, where mirroring is on. Read off the
            eleven real subjects, segmented from FLAIR + T1ce by the first ``models/model.pt``: the three with a Dice
            below .6 had .047, .071 and .096, the others at most .040. Few subjects and one network.
    """

    def __init__(
        self,
        networks: Sequence[str] | None,
        settings: Mapping | None = None,
        wt_range_ml: Sequence[float] = (1, 300),
        max_entropy: float = 0.22,
        max_disagreement: float = 0.045,
    ) -> None:
        self.networks = networks
        self.settings = dict(settings or {})
        self.wt_range_ml = tuple(wt_range_ml)
        self.max_entropy, self.max_disagreement = max_entropy, max_disagreement

    def __call__(self, data):
        """
        Args:
            data: with ``subject``, ``sequences``, ``label_map``, ``volumes_ml``, ``quality`` and, without ``networks``,
                ``network``; perhaps with ``pred_et_contrast`` and ``pred_et_cleared`` (`scripts.inference.enhancement`) and
                ``ignored`` (`scripts.data.datalist.subjects_in`).

        Returns:
            The same with ``record``, a dictionary of JSON values.
        """
        files = [data["network"]] if self.networks is None else self.networks
        volumes = {region: round(float(ml), 3) for region, ml in data["volumes_ml"].items()}
        strange = [FAINT] if data.get("pred_et_cleared") else []
        strange += [f"{NOT_USED}: {data['ignored']}"] if "ignored" in data else []
        record = {
            "subject": data["subject"],
            "flags": self.flags(volumes, data["quality"]) + strange,
            "volumes_ml": volumes,
            "quality": data["quality"] | {"et_contrast": data.get("pred_et_contrast")},
            "sequences": data["sequences"].split("+"),
            "networks": [network_facts(str(file)) for file in files],
            "shape": list(data["label_map"].shape),
            "spacing_mm": [round(mm, 4) for mm in affine_to_spacing(data["label_map"].affine).tolist()],
            "settings": self.settings,
            "versions": _versions(),
        }
        return dict(data) | {"record": record}

    def flags(self, volumes_ml: Mapping[str, float], quality: Mapping) -> list[str]:
        """The sentences that hold, of the three that there are."""
        wt = volumes_ml["wt"]
        if wt == 0:
            return [NO_TUMOUR]
        low, high = self.wt_range_ml
        mirrored = quality["mirror_disagreement"]
        doubt = quality["entropy_bits"] is not None and quality["entropy_bits"] > self.max_entropy
        doubt = doubt or (mirrored is not None and mirrored["wt"] > self.max_disagreement)
        return ([] if low <= wt <= high else [ODD_VOLUME]) + ([UNCERTAIN] if doubt else [])


def write_table(output_dir: str | Path, failures: Mapping[str, str]) -> None:
    """Write ``segmentations.csv``: a row for each record in the folder, and for each subject that could not be done.

    Records of earlier runs into the same folder count too, so that a batch that was stopped and went on is one table;
    other JSON files of such a name do not.

    Args:
        output_dir: as of `scripts.inference.save_segmentation.SaveSegmentationd`.
        failures: sentence by subject; it stands in the column ``problem``.
    """
    paths = sorted(Path(output_dir).glob("*/*_seg.json"))
    records = [record for path in paths if (record := read_record(path)) is not None]
    rows = [_row(record) for record in records if record["subject"] not in failures]
    there = {record["subject"] for record in records}
    rows += [
        {"subject": subject, "problem": sentence + (STILL_THERE if subject in there else "")}
        for subject, sentence in failures.items()
    ]
    columns = list(_row({}))
    table = pd.DataFrame(rows, columns=columns).sort_values("subject")
    save_atomically(Path(output_dir) / "segmentations.csv", lambda file: table.to_csv(file, index=False))


def read_record(path: Path) -> dict | None:
    """The record in a JSON file; None if there is none, or what is there is something else or damaged."""
    try:
        content = json.loads(path.read_text()) if path.is_file() else None
    except ValueError:
        return None
    ours = isinstance(content, dict) and {"subject", "volumes_ml", "networks"} <= content.keys()
    return content if ours else None


def _row(record: Mapping) -> dict:
    volumes, quality = record.get("volumes_ml", {}), record.get("quality", {})
    return {
        "subject": record.get("subject"),
        "sequences": "+".join(record.get("sequences", [])),
        "network": " ".join(Path(network["file"]).name for network in record.get("networks", [])),
        **{f"{region}_ml": volumes.get(region) for region in ("wt", "tc", "et")},
        "entropy_bits": quality.get("entropy_bits"),
        "wt_mirror_disagreement": (quality.get("mirror_disagreement") or {}).get("wt"),
        "et_contrast": quality.get("et_contrast"),
        "flags": "; ".join(record.get("flags", [])),
        "problem": None,
    }


@lru_cache(maxsize=64)
def network_facts(file: str) -> dict:
    """Path, sha256 and provenance of a weight file."""
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return {"file": file, "sha256": digest, "trained": provenance_of(file)}


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {"bundle": json.loads(BUNDLE.read_text())["version"]} | {name: version(name) for name in ("monai", "torch")}
