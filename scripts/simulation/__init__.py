# SPDX-License-Identifier: Apache-2.0
"""Simulated brains with tumours, as maps of tissue and as scans of the four sequences.
Read cohort, recipe, maps, anatomy, vessels, tumour_core, tumour, mass_effect; then contrast, tumour_contrast,
acquisition."""
