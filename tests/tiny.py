"""The configs as users run them, on a tiny simulated cohort."""

from pathlib import Path

import pytest
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).parent.parent
# Keys of a training that takes seconds: two epochs of two steps, with a validation in each.
TINY = {
    "bundle_root": str(ROOT),
    "spacing": 4.0,
    "filters": [4, 8, 16],
    "patch_size": [32, 32, 32],
    "patches_per_epoch": 4,
    "batch_size": 2,
    "epochs": 2,
    "val_interval": 1,
    "device": "cpu",
    "simulated#training": 2,
    "simulated#validation": 1,
    "simulated#test": 1,
}
# Overlays that are listed after another one.
AFTER = {f"{name}.json": "unpaired.json" for name in ("mkd", "cmedl", "dsan", "vae_prior", "ummkd")}
AFTER |= {"cmedl_cbct.json": "cmedl.json", "self_distillation.json": "any_subset.json"}


def with_base(base: str, overlay: str) -> tuple[str, ...]:
    """The files of a run with this overlay, in order."""
    return (*with_base(base, AFTER[overlay]), overlay) if overlay in AFTER else (base, overlay)


def workflow(*files, kind="train", **overrides):
    return ConfigWorkflow(
        config_file=[str(ROOT / "configs" / file) for file in files],
        logging_file=False,
        workflow_type=kind,
        **overrides,
    )


def run(*files, **overrides):
    started = workflow(*files, **overrides)
    started.initialize()
    started.run()
    return started


def run_killed(*files, before: int, at_step: int, **overrides) -> None:
    """Start a training and end it as Ctrl-C would, after one of its steps.

    Args:
        before: number of items of its run list that come before the trainer is reached for.
        at_step: the step.
    """
    stopped = workflow(*files, **overrides)
    stopped.initialize()
    for number in range(before):
        stopped.parser.get_parsed_content(f"run#{number}")
    trainer = stopped.parser.get_parsed_content("train#trainer")

    def kill(engine):
        if engine.state.iteration == at_step:
            raise KeyboardInterrupt

    trainer.add_event_handler(Events.ITERATION_COMPLETED, kill)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()


def tiny(cohort, **more):
    """Keys of a run on the tiny cohort in that folder."""
    return TINY | {"simulated#folder": cohort} | more
