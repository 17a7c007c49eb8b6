"""The configs as users run them, on a tiny simulated cohort."""

from pathlib import Path

from monai.bundle import ConfigWorkflow
from scripts.research.runs import TINY

ROOT = Path(__file__).parent.parent
# Overlays that are listed after another one.
AFTER = {f"{name}.json": "unpaired.json" for name in ("mkd", "cmedl", "cmedl_cbct", "dsan", "vae_prior", "ummkd")}
AFTER |= {"self_distillation.json": "any_subset.json"}


def with_base(base: str, overlay: str) -> tuple[str, ...]:
    """The files of a run with this overlay, in order."""
    return base, *([AFTER[overlay]] if overlay in AFTER else []), overlay


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
