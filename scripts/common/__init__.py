# SPDX-License-Identifier: Apache-2.0
"""What all other packages use: the sequences and the dataset namings, label maps, metrics, weight files and errors.
Read sequences, namings, labels, metrics, weights; read_record, label_map_state; then files, json_files, whole_folder,
formats, printable, errors, choices, console, large_files, foreground, titles, versions and workers."""
