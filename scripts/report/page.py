# SPDX-License-Identifier: Apache-2.0
"""Writes ``report.html`` from what a run has left in its folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

from markupsafe import Markup
from scripts.common.errors import UserError
from scripts.common.files import save_atomically
from scripts.common.printable import PAGE
from scripts.common.versions import metadata, versions
from scripts.evaluation.expected import read_expected, require_expected
from scripts.report.evaluation_page import evaluation_values
from scripts.report.inference_page import inference_values
from scripts.report.parts import ENDING, read_picture
from scripts.report.rendering import TEMPLATES
from scripts.report.run_info import read_run


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
    save_page(
        output_dir / PAGE, run["kind"], run["facts"], when, lambda subject: Markup(read_picture(parts, subject)), values
    )
    return output_dir / PAGE


def save_page(
    path: Path,
    template: str,
    facts: Mapping[str, object],
    when: str | None,
    picture: Callable[[str], Markup],
    values: Mapping[str, object],
) -> None:
    """Write a page in a stream, so that one picture at a time is in memory.

    Args:
        path: of the page.
        template: ``inference``, ``evaluation`` or ``comparison``.
        facts: how the results were made.
        when: what the page says about the time of the run, or None.
        picture: gives the HTML of a subject's picture.
        values: what the template needs otherwise.
    """
    made_by = versions() | {"bundle": f"{metadata()['name']} {versions()['bundle']}"}
    page = TEMPLATES.get_template(f"{template}.html").generate(
        when=when, facts=facts | made_by, picture=picture, **values
    )

    def write(file: Path) -> None:
        with file.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(page)

    save_atomically(path, write)
