# SPDX-License-Identifier: Apache-2.0
"""The accuracy page and the tables of the model card, from the stored results in ``docs/results``."""
