# SPDX-License-Identifier: Apache-2.0
"""The values of keys with a fixed choice."""

# How the teacher takes part: trained in the same iterations, trained before and frozen, or not at all.
TEACHER_TRAINING = ("joint", "frozen", "none")

# What to do with subjects that have a label map already.
EXISTING = ("overwrite", "skip")

# The parts of a dataset.
PARTS = ("training", "validation", "test")
