# SPDX-License-Identifier: Apache-2.0
"""The values of keys with a fixed choice."""

TEACHER_TRAINING = ("joint", "frozen", "none")
"""How the teacher takes part: trained in the same iterations, trained before and frozen, or not at all."""

EXISTING = ("overwrite", "skip")
"""What to do with subjects that have a label map already."""

PARTS = ("training", "validation", "test")
"""The parts of a dataset."""
