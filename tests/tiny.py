"""The configs as users run them, on a tiny simulated cohort."""

from pathlib import Path

from monai.bundle import ConfigWorkflow

ROOT = Path(__file__).parent.parent
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


def tiny(cohort, **more):
    """Keys of a run on the tiny cohort in that folder."""
    return TINY | {"simulated#folder": cohort} | more
