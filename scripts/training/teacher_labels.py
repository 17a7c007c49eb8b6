# SPDX-License-Identifier: Apache-2.0
"""Labels for scans without label maps: what a trained teacher finds in all four sequences."""

from threading import Lock

import torch
from monai.data import MetaTensor
from monai.inferers import Inferer
from monai.transforms import Transform
from scripts.common.errors import UserError
from scripts.common.labels import nested_probabilities
from scripts.common.sequences import SEQUENCES
from scripts.common.weights import load_weights, teacher_path
from scripts.losses.segmentation_loss import HARD, check_labels
from torch import nn
from torch.utils.data import get_worker_info

# Below this probability a label that is one is 0, so that patches are drawn around the tumour.
LEAST_PROBABILITY = 0.05


class LabelByTeacher(Transform):
    """Add the regions that a trained teacher finds as ``label``.

    A student that is trained with them learns from scans that no expert has outlined. The teacher is the one that the
    run starts from; its labels are computed once and stay the same during the training.

    Args:
        network: the teacher's network, filled at the first call.
        teacher_from: folder or file of the trained teacher.
        spacing: voxel size in mm.
        inferer: gives probabilities (1, 3, X, Y, Z) of a scan.
        kind: ``hard``: 1 where the probability is above 0.5; ``soft`` and ``confident``: the probability itself, which
            the loss takes in two ways (`scripts.losses.segmentation_loss.SegmentationLoss`).

    Raises:
        UserError: another kind; at the first call, if there is no such teacher or it does not fit.
    """

    def __init__(
        self, network: nn.Module, teacher_from: str, spacing: float, inferer: Inferer, kind: str = HARD
    ) -> None:
        check_labels(kind)
        self.network, self.teacher_from, self.spacing, self.inferer = network, teacher_from, spacing, inferer
        self.kind = kind
        self.loaded, self.lock = False, Lock()

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "lock"}  # a lock cannot be pickled

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state | {"lock": Lock()}

    def __call__(self, data):
        """
        Args:
            data: with ``image``, MetaTensor (4, X, Y, Z), preprocessed.

        Returns:
            The item with ``label``, float32 (3, X, Y, Z), of tc, wt, et, nested as in a label map.

        Raises:
            UserError: the network is on a GPU and this is a worker process of a data loader, which cannot use it.
        """
        with self.lock:  # a cache is filled by several threads
            if not self.loaded:
                path = teacher_path(self.teacher_from)
                load_weights(self.network, path, SEQUENCES, self.spacing, "teacher_from").eval()
                self.loaded = True
        image = data["image"]
        device = next(self.network.parameters()).device
        if get_worker_info() is not None and device.type == "cuda":
            raise UserError(
                "A teacher cannot label scans in worker processes on a GPU: set --train#dataloader#num_workers 0."
            )
        probability = nested_probabilities(self.inferer(image.as_tensor()[None].to(device), self.network)[0])
        hard = self.kind == HARD
        label = torch.where(probability > (0.5 if hard else LEAST_PROBABILITY), 1.0 if hard else probability, 0.0)
        label = label.to(device=image.device, dtype=torch.float32)
        return dict(data) | {"label": MetaTensor(label, meta=image.meta)}
