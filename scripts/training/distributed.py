# SPDX-License-Identifier: Apache-2.0
"""What a run of several processes (torchrun) needs beside the single one."""

import logging
import os
from datetime import timedelta

import torch
import torch.distributed as dist
from scripts.common.errors import UserError


def local_device() -> torch.device:
    """This process's GPU, by its place among the processes of its machine; the CPU where there is no GPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def join_process_group(device: torch.device | str) -> None:
    """Join the process group that torchrun describes in the environment, once: NCCL for GPUs, gloo for the CPU.

    Only the main process (rank 0) logs at level INFO from here on.

    Args:
        device: on which this process trains.

    Raises:
        UserError: if the program was not started with torchrun.
    """
    if "LOCAL_RANK" not in os.environ:
        raise UserError(
            "multi_gpu_train.json is for several processes: put 'torchrun --standalone --nproc_per_node=2' in front "
            "of '-m monai.bundle run', or leave this overlay out."
        )
    if not dist.is_initialized():
        on_gpu = torch.device(device).type == "cuda"
        if on_gpu:
            torch.cuda.set_device(device)
        # the others wait in a barrier while the main process simulates the cohort, which may take hours
        dist.init_process_group("nccl" if on_gpu else "gloo", init_method="env://", timeout=timedelta(hours=12))
    if dist.get_rank() > 0:
        logging.disable(logging.INFO)


def patches_of_process(patches: int, batch_size: int) -> int:
    """This process's share of the patches of an epoch.

    Raises:
        UserError: it is smaller than a batch, so that an epoch would have no step.
    """
    processes = dist.get_world_size()
    share = patches // processes
    if share < batch_size:
        raise UserError(
            f"batch_size is {batch_size}, but each of {processes} processes has only {share} of the {patches} patches of an "
            "epoch, so that it would have no step: lower batch_size or raise patches_per_epoch."
        )
    return share


def subjects_of_process(subjects: list) -> list:
    """This process's part of the subjects, all of a size that differs by one at most.

    Fewer subjects than processes go to every process as they are, so that nobody is left without: means over the
    gathered results stay what they are in one process.
    """
    processes = dist.get_world_size()
    return subjects[dist.get_rank() :: processes] if len(subjects) >= processes else subjects
