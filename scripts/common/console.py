# SPDX-License-Identifier: Apache-2.0
"""What a run prints: errors in one sentence, and no messages that only look like problems."""

import logging
import warnings

from scripts.common.errors import install_error_hook


def set_up_console() -> None:
    """Install the error hook (`scripts.common.errors`) and leave out messages that say nothing to the user.

    Left out are ignite's "resuming from iteration 0" of a new run, MONAI's and torch's deprecation warnings about their
    own calls, matplotlib's notes on its font cache, and nibabel's on headers that it repairs (such scans are refused).
    """
    install_error_hook()
    warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated.*", category=DeprecationWarning)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    for handler in logging.getLogger().handlers:
        if not any(isinstance(each, _NotResuming) for each in handler.filters):
            handler.addFilter(_NotResuming())


class _NotResuming(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "resuming from iteration 0," not in record.getMessage()
