# SPDX-License-Identifier: Apache-2.0
"""From a dataset folder to batches: list and divide the subjects, load and check their scans, augment them.
Read datalist, subject_folders, other_formats, datalist_json, splits; load_scan, check_scan, normalise;
batches, augment; scan_dataset."""
