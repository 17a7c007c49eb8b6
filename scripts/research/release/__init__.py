# SPDX-License-Identifier: Apache-2.0
"""The bundle for others: as a zip, as the folder for the Hugging Face Hub, and as the submission to MONAI's model zoo."""
