# SPDX-License-Identifier: Apache-2.0
"""Segmentation with trained networks, from the choice of a network to the saved label map. Order of reading: routing,
inferer, enhancement, swapped, turned, quality, scan_grid, label_map, segmentation_record, save_segmentation,
table, existing; segment joins them."""
