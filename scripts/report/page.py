# SPDX-License-Identifier: Apache-2.0
"""Writes ``report.html`` from what a run has left in its folder."""

import json
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup
from scripts.common.errors import UserError
from scripts.common.files import ROOT, save_atomically
from scripts.evaluation.expected import read_expected, require_expected
from scripts.report.evaluation_page import evaluation_values
from scripts.report.inference_page import inference_values
from scripts.report.parts import ENDING, read_picture
from scripts.report.rendering import TEMPLATES
from scripts.report.run_info import PAGE, read_run


def write_report(output_dir, when: str | None = None, expected=None) -> Path:
    """Write ``<output_dir>/report.html``. The old page stays until the new one is complete.

    Pictures are read one at a time, so memory does not grow with their number. The same results give the same bytes.

    Args:
        output_dir: folder that an inference or an evaluation wrote to.
        when: what the page says about the time of the run; nothing by default.
        expected: another table of expected accuracy than the run's own.

    Returns:
        path of the page.

    Raises:
        UserError: there is nothing to report in the folder, or there is no such table.
    """
    output_dir = Path(output_dir)
    run, parts = read_run(output_dir), output_dir / "report"
    table = require_expected(expected) if expected else read_expected(run["expected"] or "")
    if not any(parts.glob(f"*{ENDING}")) and not (output_dir / "cases.csv").is_file():
        raise UserError(
            f"There is nothing in {output_dir} to report: run `inference` or `evaluating` first. If it holds label "
            "maps as <subject>/<subject>_seg.nii.gz, name the folder of the scans with --dataset_dir."
        )
    values = evaluation_values(output_dir) if run["kind"] == "evaluation" else inference_values(output_dir, table)
    page = TEMPLATES.get_template(f"{run['kind']}.html").generate(
        when=when,
        facts=run["facts"] | _versions(),
        picture=lambda subject: Markup(read_picture(parts, subject)),
        **values,
    )

    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(page)

    save_atomically(output_dir / PAGE, write)
    return output_dir / PAGE


def _versions() -> dict[str, str]:
    bundle = json.loads((ROOT / "configs" / "metadata.json").read_text(encoding="utf-8"))
    packages = {package: version(package) for package in ("monai", "torch")}
    return {"bundle": f"{bundle['name']} {bundle['version']}"} | packages
