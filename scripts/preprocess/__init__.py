# SPDX-License-Identifier: Apache-2.0
"""From the scanner to what the networks expect, and back: ``python -m scripts.preprocess raw/ ready/``.

It needs the packages of ``requirements-preprocess.txt``, which are imported where they are used (`packages`).
How one subject is made ready (`subject`):

1. `raw_files` lists its files, `convert` turns DICOM into NIfTI, and `series` reads what is known of each scan.
2. `sequence_of_series` reads the sequence of each scan, `choose` takes one scan for each sequence: by the
   user's file (`wishes`), or by rules, of which some need to know when scans were `acquired`.
3. `reference` names the scan that the others are registered to, `register` finds the rigid transforms.
4. `brain` finds the brain, `grid` resamples the scans, and `record` keeps what was done. All of it is written
   or nothing (`scripts.common.whole_folder`).

`back` takes label maps to the grid of each original scan:
``python -m scripts.preprocess.back segmentations/ ready/ out/``.
"""
