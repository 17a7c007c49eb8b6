# SPDX-License-Identifier: Apache-2.0
"""The segmentation loss: deep-supervised cross-entropy, with or without Dice, on the three nested regions."""

import torch
from monai.losses import DiceLoss
from scripts.common.errors import UserError
from scripts.losses.output import Output
from torch.nn import functional
from torch.nn.modules.loss import _Loss

KINDS = ("ce", "dice_ce")
# How labels between 0 and 1 are taken.
HARD, SOFT, CONFIDENT = LABELS = ("hard", "soft", "confident")
SMOOTHING = 1e-5


def check_labels(labels: str) -> None:
    """UserError on another choice than those of `LABELS`."""
    if labels not in LABELS:
        raise UserError(f"unlabelled_labels is {labels!r}, but must be one of {', '.join(LABELS)}.")


class SegmentationLoss(_Loss):
    r"""Deep-supervised segmentation loss of one network, from logits, not probabilities.

    .. math:: L = \sum_s w_s \, \ell(z^{(s)}, y^{(s)}), \qquad w_s = 2^{-s} / \sum_j 2^{-j}

    with :math:`\ell` the binary cross-entropy averaged over batch, regions and voxels (``ce``), to which ``dice_ce``
    adds the soft Dice loss. :math:`y^{(s)}` is the label at the scale of the logits (nearest voxel, as nnU-Net does).

    Labels that are probabilities, :math:`y = p`, are taken in one of two ways; for labels of 0 and 1 both are the plain
    loss. ``soft``: Dice is MONAI's for soft labels (Dice semimetric loss, Wang et al. 2023, arXiv:2303.16296), as plain
    Dice would push every probability to 0 or 1. ``confident``: y counts as the hard label :math:`[p > 1/2]` with the
    weight :math:`|2p - 1|`, in the mean of the cross-entropy and in the sums of Dice.

    Source: deep-supervised cross-entropy on teacher and student is Choi et al. 2023, "A Single Stage Knowledge
    Distillation Network ..." (CMPB 107644); the scale weights and Dice + CE are nnU-Net's (Isensee et al. 2021).
    The weight is ours.

    Args:
        network: ``"teacher"`` or ``"student"``: whose logits are taught.
        kind: ``"ce"`` (the paper's) or ``"dice_ce"``.
        labels: ``"hard"``, ``"soft"`` or ``"confident"``, see above.

    Raises:
        ValueError: on another ``network``.
        UserError: on another ``kind`` or other ``labels``.
    """

    layers = ()

    def __init__(self, network: str, kind: str = "ce", labels: str = HARD) -> None:
        super().__init__()
        if network not in ("teacher", "student"):
            raise ValueError(f"network is '{network}', but must be 'teacher' or 'student'.")
        if kind not in KINDS:
            raise UserError(f"segmentation_loss is {kind!r}, but must be one of {', '.join(KINDS)}.")
        check_labels(labels)
        self.network, self.confident = network, labels == CONFIDENT
        dice = DiceLoss(sigmoid=True, smooth_nr=SMOOTHING, smooth_dr=SMOOTHING, soft_label=labels == SOFT)
        self.dice = dice if kind == "dice_ce" else None

    def forward(self, teacher: Output | None, student: Output, label: torch.Tensor) -> torch.Tensor:
        """
        Args:
            teacher, student: outputs whose ``logits`` are a list, finest scale first, of (B, 3, X/2^s, Y/2^s, Z/2^s).
            label: (B, 3, X, Y, Z), 0 to 1 per region.

        Raises:
            ValueError: if the teacher is taught and there is none.
        """
        output = teacher if self.network == "teacher" else student
        if output is None:
            raise ValueError("A term teaches the teacher, but the run has none.")
        logits = output.logits
        weights = [2.0**-scale for scale in range(len(logits))]
        total = logits[0].new_zeros((), dtype=torch.float32)
        for weight, scale_logits in zip(weights, logits):
            total = total + weight / sum(weights) * self._at_one_scale(scale_logits.float(), label)
        return total

    def _at_one_scale(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        if label.shape[2:] != logits.shape[2:]:
            label = functional.interpolate(label, size=logits.shape[2:], mode="nearest-exact")
        if self.confident:
            return self._of_confident_label(logits, label)
        loss = functional.binary_cross_entropy_with_logits(logits, label)
        return loss if self.dice is None else loss + self.dice(logits, label)

    def _of_confident_label(self, logits: torch.Tensor, probability: torch.Tensor) -> torch.Tensor:
        label, weight = (probability > 0.5).to(logits.dtype), (2 * probability - 1).abs()
        loss = functional.binary_cross_entropy_with_logits(logits, label, weight, reduction="sum") / weight.sum()
        return loss if self.dice is None else loss + weighted_dice_loss(logits.sigmoid(), label, weight)


def weighted_dice_loss(probability: torch.Tensor, label: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """1 - Dice of (B, C, X, Y, Z), where each voxel counts with its weight; the mean over batch and regions.

    MONAI's ``DiceLoss`` has no weights of voxels; with weights of 1 the two are equal.
    """
    both, each = ((weight * values).flatten(2).sum(dim=2) for values in (probability * label, probability + label))
    return (1 - (2 * both + SMOOTHING) / (each + SMOOTHING)).mean()
