# SPDX-License-Identifier: Apache-2.0
"""Write the bundle for others: ``python -m scripts.research.release --output packed --hub hub --zoo zoo``."""

import argparse
from pathlib import Path

from scripts.common.errors import install_error_hook
from scripts.research.release.hub import write_hub_folder
from scripts.research.release.zip_file import write_zip
from scripts.research.release.zoo import write_zoo_folder


def main(arguments: list[str] | None = None) -> None:
    """Write the bundle as a zip for monai.bundle.download, for the Hugging Face Hub, or for MONAI's model zoo."""
    parser = argparse.ArgumentParser(prog="python -m scripts.research.release", description=main.__doc__)
    parser.add_argument("--output", type=Path, help="folder for the zip")
    parser.add_argument("--hub", type=Path, help="folder for the folder that is uploaded to the Hugging Face Hub")
    parser.add_argument("--zoo", type=Path, help="folder for models/... and ci/unit_tests/..., such as the zoo's clone")
    parser.add_argument("--bundle_root", type=Path, default=Path("."), help="the bundle's folder (default: this one)")
    parser.add_argument("--allow-dirty", action="store_true", help="though not everything is committed")
    options = parser.parse_args(arguments)
    if not (options.output or options.hub or options.zoo):
        parser.error("give at least one of --output, --hub and --zoo")
    writers = ((options.output, write_zip), (options.hub, write_hub_folder), (options.zoo, write_zoo_folder))
    for output, write in writers:
        if output:
            print(write(options.bundle_root, output, options.allow_dirty))


if __name__ == "__main__":
    install_error_hook()
    main()
