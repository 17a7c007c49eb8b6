# SPDX-License-Identifier: Apache-2.0
"""Writes the page that shows the label maps of two folders side by side, ``report_beside_<other folder>.html``."""

from pathlib import Path

import numpy as np
from markupsafe import Markup, escape
from scripts.common.errors import ScanError
from scripts.common.label_map_state import label_map_path
from scripts.common.printable import PAGE
from scripts.common.sequences import REGIONS
from scripts.report.comparison import Comparison
from scripts.report.links import relative_link
from scripts.report.page import save_page


def write_comparison(comparison: Comparison, when: str | None = None) -> Path:
    """Write the page into the first of the two folders.

    Pictures are drawn while the page is written, one at a time. A subject whose label maps cannot be compared is
    listed, and the others go on.

    Args:
        comparison: of two folders.
        when: what the page says about the time; nothing by default.

    Returns:
        path of the page.
    """
    first, second = comparison.folders
    page = first / f"report_beside_{second.resolve().name}.html"
    subjects, failed = [], []
    for subject in comparison.subjects:
        try:
            facts = comparison.subject(subject)[0]
        except ScanError as error:
            failed.append({"subject": subject, "failed": str(error)})
        else:
            links = [relative_link(label_map_path(folder, subject), first) for folder in comparison.folders]
            subjects.append(facts | {"mean_dice": float(np.mean(list(facts["dice"].values()))), "links": links})
    subjects.sort(key=lambda facts: (facts["mean_dice"], facts["subject"]))
    means = {region: float(np.mean([facts["dice"][region] for facts in subjects])) for region in REGIONS if subjects}
    values = {
        "names": comparison.names,
        "reports": [relative_link(folder / PAGE, first) for folder in comparison.folders],
        "alone": comparison.alone,
        "subjects": subjects,
        "failed": failed,
        "means": means,
    }
    facts = {name: str(folder) for name, folder in zip(comparison.names, comparison.folders)}
    save_page(page, "comparison", facts, when, lambda subject: _picture(comparison, subject), values)
    return page


def _picture(comparison: Comparison, subject: str) -> Markup:
    try:
        return Markup(comparison.picture(subject))
    except ScanError as error:
        return Markup('<p class="small">No picture: {}</p>').format(escape(str(error)))
