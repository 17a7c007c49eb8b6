# SPDX-License-Identifier: Apache-2.0
"""Unpaired distillation: learn from one hospital's sequence for another's, without any subject in common.
Read domains, pairs; step, networks, translators; objective, trainer; losses; then the networks of single recipes."""
