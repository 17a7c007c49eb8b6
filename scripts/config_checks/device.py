# SPDX-License-Identifier: Apache-2.0
"""Refuses a device that this machine does not have."""

import torch
from monai.bundle import ConfigParser
from scripts.common.errors import UserError
from scripts.config_checks.values import value_of


def check_device(parser: ConfigParser, config: dict) -> None:
    """Refuse a ``device`` on which torch cannot make a tensor.

    Raises:
        UserError: naming it.
    """
    if "device" not in config:
        return
    device = value_of(parser, "device")
    try:
        if torch.device(device).type == "meta":
            raise TypeError
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:  # torch raises each of them for a device that lacks
        raise UserError(
            f"device is {str(device)!r}, which this machine or this build of torch does not have: leave --device out, "
            "or choose cpu."
        ) from error
