# SPDX-License-Identifier: Apache-2.0
"""The last step of postprocessing: `pred` becomes what MONAI Label, MONAI Deploy and the model zoo expect of it."""

from monai.data import MetaTensor
from monai.transforms import MapTransform


class LabelMapAsPredd(MapTransform):
    """Replace the probabilities by the label map, and add what the record says as ``result``.

    Args:
        keys: ``pred``.
    """

    def __call__(self, data):
        """
        Args:
            data: with ``label_map`` (X, Y, Z), a MetaTensor, and ``record`` (`scripts.inference.segmentation_record`).

        Returns:
            The item with each key a uint8 MetaTensor (1, X, Y, Z) in the scan's own grid, and ``result``, the sequences,
            volumes, flags and weight files, which MONAI Label sends to its client.
        """
        label_map, record = data["label_map"], data["record"]
        pred = MetaTensor(label_map.as_tensor()[None], affine=label_map.affine)
        result = {name: record[name] for name in ("sequences", "volumes_ml", "flags")}
        result["networks"] = [network["file"] for network in record["networks"]]
        return dict(data) | {key: pred for key in self.keys} | {"result": result}
