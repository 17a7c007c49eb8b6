# SPDX-License-Identifier: Apache-2.0
"""The report: one self-contained HTML page about an inference or an evaluation.

How a page is made:

1. While the run goes on, a handler (`handlers`) writes one *part* per subject: ``report/<subject>.html.part`` in the
   output folder, which holds one line of JSON (facts about the subject) and then the HTML of its picture (`parts`). A
   stopped run keeps the parts that it has written, and no picture has to stay in memory.
2. ``report/run.json`` holds what concerns the run as a whole: inference or evaluation, its settings, the paths of the
   scans (`run_info`).
3. `page.write_report` joins both into ``report.html``, at the end of a run or by ``python -m scripts.report FOLDER``.
   `inference_page` and `evaluation_page` collect the values, the jinja2 templates in ``templates/`` make HTML of them.

How a picture is made: `planes` chooses the slices, `window` the grey levels, `contours` outlines the regions, `picture`
puts them together. `drawing` does this for a subject's scans and label map on disk (`read_label_map`), `folder` for what
a stopped run has not drawn and for label maps that other software made.

The page of ``--beside`` needs no parts: `comparison` reads the label maps of two folders, `comparison_page` shows them.
"""
