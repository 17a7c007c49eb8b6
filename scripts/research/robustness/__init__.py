# SPDX-License-Identifier: Apache-2.0
"""Trials of what must not be lost when a run is killed or given bad input."""
