# SPDX-License-Identifier: Apache-2.0
"""Values that keys with a fixed choice may have."""

TEACHER_TRAINING = ("joint", "frozen", "none")
"""How the teacher takes part: trained in the same iterations, trained before and frozen, or not at all."""

EXISTING = ("overwrite", "skip")
"""What to do with subjects that have a label map already."""
