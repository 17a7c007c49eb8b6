# SPDX-License-Identifier: Apache-2.0
"""What a run of several processes (torchrun) needs beside the single one."""

import torch.distributed as dist


def join(backend: str) -> None:
    """Join the process group that torchrun describes in the environment, once."""
    if not dist.is_initialized():
        dist.init_process_group(backend=backend, init_method="env://")


def on_main(handlers: list, everywhere: tuple[str, ...]) -> list:
    """All handlers for the main process; for the others those whose class names are in ``everywhere``.

    Logs and checkpoints are written once, but schedules, seeds and validation must stay in step.
    """
    if dist.get_rank() == 0:
        return handlers
    return [handler for handler in handlers if type(handler).__name__ in everywhere]
