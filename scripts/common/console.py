# SPDX-License-Identifier: Apache-2.0
"""What a run prints: errors in one sentence, and no messages that only look like problems."""

import logging
import warnings

from monai.apps.utils import get_logger
from scripts.common.errors import install_error_hook, is_told


def set_up_console() -> None:
    """Install the error hook (`scripts.common.errors`) and leave out messages that say nothing to the user.

    Left out are:

    - ignite's "resuming from iteration 0" of a new run;
    - the tracebacks that ignite and MONAI log of errors which the hook tells in a sentence;
    - MONAI's and torch's deprecation warnings about their own calls;
    - matplotlib's notes on its font cache, and nibabel's on headers that it repairs (such scans are refused).
    """
    install_error_hook()
    warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated.*", category=DeprecationWarning)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    # MONAI's StatsHandler has a logger of its own
    for place in (*logging.getLogger().handlers, get_logger("monai.handlers.StatsHandler")):
        if not any(isinstance(each, _Plain) for each in place.filters):
            place.addFilter(_Plain())


class _Plain(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        told = record.exc_info and is_told(record.exc_info[1])
        return not told and "resuming from iteration 0," not in text and "terminating due to exception" not in text
