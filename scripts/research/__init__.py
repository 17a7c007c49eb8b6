# SPDX-License-Identifier: Apache-2.0
"""Study, accuracy page, benchmark, and the making of weights and releases: not part of the released zip."""
