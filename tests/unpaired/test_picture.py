"""The picture of an epoch's last step."""

import numpy as np
from ignite.engine import Engine
from matplotlib.image import imread
from monai.engines.utils import IterationEvents
from scripts.unpaired.picture import SavePicture, draw
from scripts.unpaired.translators import Translator
from unpaired.segmentors import networks, real_step


def test_picture_has_a_row_for_each_domain_and_names_the_translations_that_were_made():
    group = networks(translators={"target": Translator(4, 1)})
    step = real_step(group)
    step.image("source_as_target")
    titles = [axis.get_title() for axis in draw(group, step).axes]
    assert titles == ["source", "source as target", "student on source", "target", "", "student on target"]


def _train(translating: bool, path) -> list[bool]:
    """Whether the picture is there after each of the two steps of an epoch."""
    group, there = networks(translators={"target": Translator(4, 1)}), []
    one = real_step(group)
    if translating:
        one.image("source_as_target")

    def work(engine, batch):
        engine.state.output = {"step": one}
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        there.append(path.is_file())

    engine = Engine(work)
    engine.register_events(*IterationEvents)
    SavePicture(group, str(path)).attach(engine)
    engine.run([0, 1], max_epochs=1)
    return there


def test_it_is_written_at_the_end_of_each_epoch(tmp_path):
    path = tmp_path / "translation.png"
    assert _train(True, path) == [False, True] and np.ptp(imread(path)) > 0


def test_a_recipe_that_translates_nothing_gets_none(tmp_path):
    assert _train(False, tmp_path / "translation.png") == [False, False]
