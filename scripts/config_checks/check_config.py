# SPDX-License-Identifier: Apache-2.0
"""Refuses what MONAI would silently accept: misspelt keys and values of the wrong kind."""

from monai.bundle import ConfigParser
from scripts.config_checks.caller import calling_parser
from scripts.config_checks.choices import check_choices
from scripts.config_checks.device import check_device
from scripts.config_checks.expressions import check_expressions
from scripts.config_checks.folders import check_folders_of_overlays
from scripts.config_checks.keys import check_keys
from scripts.config_checks.kinds import check_kinds
from scripts.config_checks.no_effect import (
    check_evaluate_last,
    check_image_sequences,
    check_one_network,
    check_sequences_of_all_students,
    check_student_from,
    check_teacher_filters,
    check_unlabelled,
)
from scripts.config_checks.numbers import check_batch_size, check_numbers, check_volume_range
from scripts.config_checks.paths import check_paths, convert_paths
from scripts.config_checks.sequences import convert_sequences
from scripts.config_checks.sizes import check_latent_voxels, check_multiples, check_sizes
from scripts.config_checks.switches import check_switches, convert_switches
from scripts.config_checks.unpaired import check_target_folder, check_unpaired


def check_config(parser: ConfigParser | None = None) -> None:
    """Check the keys and values of the config that is run; meant for its ``prepare`` list.

    What the command line gives as another kind is converted: switches (``true``), paths (``2021``, ``~/scans``), and
    ``student_modalities`` such as ``flair,t1ce``, which becomes a list in the teacher's order.

    Args:
        parser: the parser that holds the config; by default that of the workflow which evaluates this call.

    Raises:
        UserError: on the first key or value that cannot be right. The message names it and the way out.
    """
    parser = parser or calling_parser()
    config = parser.get()
    # What is written; nothing is evaluated yet.
    check_keys(config)
    check_expressions(config)
    check_kinds(config)
    # What the command line gives as another kind.
    convert_switches(parser, config)
    convert_paths(parser, config)
    convert_sequences(parser, config)
    # Single values.
    check_numbers(parser, config)
    check_batch_size(parser, config)
    check_choices(config)
    check_volume_range(parser, config)
    check_sizes(parser, config)
    check_multiples(parser, config)
    check_latent_voxels(parser, config)
    check_target_folder(parser, config)
    check_paths(parser, config)
    check_device(parser, config)
    check_folders_of_overlays(parser, config)
    check_switches(parser, config)
    # Keys and overlays that this run would ignore.
    check_unpaired(parser, config)
    check_sequences_of_all_students(parser, config)
    check_unlabelled(parser, config)
    check_image_sequences(parser, config)
    check_student_from(parser, config)
    check_one_network(parser, config)
    check_teacher_filters(parser, config)
    check_evaluate_last(config)
