# SPDX-License-Identifier: Apache-2.0
"""The losses of unpaired recipes: each maps a `scripts.unpaired.step.Step` to a scalar, or to None where it does not
apply."""
