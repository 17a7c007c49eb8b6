# SPDX-License-Identifier: Apache-2.0
"""Accuracy of networks: measured cases, their statistics, figures and a table of expected accuracy. Order of reading:
teacher, trained_on, save_cases, summary, bootstrap, figures, expected."""
