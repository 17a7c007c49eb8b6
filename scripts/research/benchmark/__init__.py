# SPDX-License-Identifier: Apache-2.0
"""The benchmark: time and memory of inference and of training steps on this machine."""
