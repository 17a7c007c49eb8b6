# SPDX-License-Identifier: Apache-2.0
"""Messages that say nothing to the user are not printed."""

import subprocess
import sys

PROGRAM = """
import logging, sys, warnings
logging.basicConfig(stream=sys.stderr, level=logging.INFO)
from scripts.common.console import set_up_console
from scripts.common.errors import UserError
set_up_console()
warnings.warn("monai: Argument `always_return_as_numpy` has been deprecated", FutureWarning)
warnings.warn("a warning that matters")
logging.getLogger("ignite").info("Engine run resuming from iteration 0, epoch 0 until 2 epochs")
logging.getLogger("ignite").info("Engine run resuming from iteration 6, epoch 1 until 2 epochs")
logging.getLogger("matplotlib").info("generated new fontManager")
try:
    raise UserError("Do this instead.")
except UserError as error:
    logging.getLogger("ignite").error("Engine run is terminating due to exception: %s", error)
    logging.getLogger("ignite").exception("Exception: %s", error)
    logging.getLogger("monai.handlers.StatsHandler").exception("Exception: %s", error)
    raise
"""


def test_noise_is_left_out_and_the_rest_stays():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.rstrip().endswith("\nError: Do this instead.")
    assert (done.stdout + done.stderr).count("Do this instead.") == 1
    assert "a warning that matters" in done.stderr and "Traceback" not in done.stderr
    assert "iteration 6" in done.stderr and "iteration 0" not in done.stderr
    assert "always_return_as_numpy" not in done.stderr and "fontManager" not in done.stderr
