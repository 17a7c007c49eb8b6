# SPDX-License-Identifier: Apache-2.0
"""Worker processes end with the process that started them."""

import multiprocessing
import os
import signal
import threading


def end_with_parent() -> None:
    """End this worker process as soon as the process that started it has ended, also if that one was killed.

    Ctrl-C reaches every process; a worker ends on it without a word.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
