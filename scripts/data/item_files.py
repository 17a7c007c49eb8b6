# SPDX-License-Identifier: Apache-2.0
"""The files of a datalist item (`scripts.data.datalist.subjects_in`)."""


def file_of(source):
    """The file of what an item has for a sequence or its label map: a path, or a volume of a 4D file.

    Args:
        source: a path or ``{"file", "volume"}``. Anything else, such as an array, is returned as it is.
    """
    return source["file"] if isinstance(source, dict) else source
