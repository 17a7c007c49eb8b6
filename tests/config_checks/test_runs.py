# SPDX-License-Identifier: Apache-2.0
"""A run that the config files lack is refused when they are initialised."""

import pytest
from scripts.common.errors import user_message
from tiny import TINY, workflow


@pytest.mark.parametrize(
    "run_id, sentence",
    [
        ("trainning", "have no run 'trainning': did you mean 'training'?"),
        ("inference", "have no run 'inference': they have 'training'. 'inference' needs configs/inference.json"),
        ("evaluating", "'evaluating' needs \"['configs/train.json','configs/evaluate.json']\""),
    ],
)
def test_a_run_that_the_config_files_lack_is_refused_when_they_are_initialised(run_id, sentence):
    started = workflow("train.json", **TINY, run_id=run_id)
    with pytest.raises(Exception) as caught:
        started.initialize()
    assert sentence in user_message(caught.value)


def test_runs_that_the_config_files_have_are_initialised():
    workflow("train.json", **TINY, run_id="training").initialize()
    workflow("train.json", "evaluate.json", **TINY, run_id="evaluating").initialize()
