# SPDX-License-Identifier: Apache-2.0
"""The study: many trainings under one plan, and each arm's gain over the control with its interval."""
