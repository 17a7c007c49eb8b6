# SPDX-License-Identifier: Apache-2.0
"""The picture of a subject as HTML: a row per sequence, slices, contours of predictions and truth, letters, scale bar."""

import base64
import gc
import re
import weakref
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scripts.config_checks.numbers import NUMBERS
from scripts.report.picture import MOST_SLICES, SLICES, picture
from scripts.report.rendering import anchor

pytestmark = pytest.mark.filterwarnings("error")
RAS = np.eye(4)
SHAPE = (30, 34, 26)


def _head() -> np.ndarray:
    image = np.zeros(SHAPE)
    image[3:-3, 3:-3, 3:-3] = np.random.default_rng(0).uniform(50, 100, [size - 6 for size in SHAPE])
    return image


def _regions(first=10) -> np.ndarray:
    """Nested balls around voxel ``first`` + 5: wt of radius 5, tc of 4, et of 2 voxels."""
    distance = np.linalg.norm(np.indices(SHAPE) - first - 5.0, axis=0)
    return np.stack([distance <= radius for radius in (4, 5, 2)])


def _picture(**more) -> str:
    images = {"t1ce": _head(), "flair": _head()}
    return picture("S1", images, RAS, {"student": _regions()}, **more)


def test_every_sequence_has_three_planes_with_letters_and_a_scale_bar():
    html = _picture()
    assert re.findall(r"<h4>(\w+)</h4>", html) == ["T1ce", "FLAIR"]
    assert re.findall(r'<figure class="(\w+)"', html) == ["axial", "coronal", "sagittal"] * 2
    assert html.count("data:image/webp;base64,") == 6 and html.count(">10 mm<") == 6
    axial = html[html.index('<figure class="axial"') : html.index('<figure class="coronal"')]
    assert re.findall(r'<b class="e(\w)">(\w)</b>', axial) == [("l", "R"), ("r", "L"), ("u", "A"), ("d", "P")]


def test_contours_are_drawn_once_and_shared_by_the_sequences():
    html = _picture()
    assert html.count('class="wt"') == html.count('class="et"') == 3  # one per plane
    for plane in ("axial", "coronal", "sagittal"):
        assert html.count(f'id="{anchor("S1")}-0-{plane}"') == 1
        assert html.count(f'href="#{anchor("S1")}-0-{plane}"') == 4  # two sequences, each with a dark edge below


def test_a_contour_lies_on_the_tumour_of_the_picture():
    html = _picture(slices=1)
    start = re.search(r'class="wt" d="M(\d+) (\d+)l', html)
    # display columns run to the left: RAS voxels 10 to 20 of 30 are columns 29 - 20 = 9 to 19. The head begins at 3 and
    # the margin of 6 mm is cut at the edge, so that columns count from 0: half pixels 18 to 40
    assert 18 <= int(start[1]) <= 40
    # rows run to the back: RAS voxels 10 to 20 of 34 are rows 33 - 20 = 13 to 23: half pixels 26 to 48
    assert 26 <= int(start[2]) <= 48


def test_networks_and_truth_can_be_told_apart():
    html = picture("S1", {"flair": _head()}, RAS, {"student": _regions(), "teacher": _regions(8)}, _regions(9))
    assert html.count('<g class="net net0">') == html.count('<g class="net net1">') == html.count('class="truth"') == 3


def test_the_truth_decides_which_slice_is_shown():
    _, far = _regions(), _regions(15)
    html = picture("S1", {"flair": _head()}, RAS, {"student": _regions(2)}, far)
    assert "axial <span>21/26</span>" in html  # the middle of the true ball is voxel 15 + 5, the 21st


def test_without_any_tumour_or_any_brain_there_is_still_a_picture():
    nothing = np.zeros((3, *SHAPE), dtype=bool)
    assert "<path" not in picture("S1", {"flair": _head()}, RAS, {"student": nothing}, nothing)
    assert "axial" in picture("S1", {"flair": np.zeros(SHAPE)}, RAS, {"student": nothing})


def test_the_same_subject_gives_the_same_bytes():
    assert _picture() == _picture()


def test_a_remark_stands_at_a_sequence_that_the_first_network_did_not_see():
    html = _picture(seen={"student": ["t1ce"]})
    assert re.findall("<h4>(.*)</h4>", html) == ["T1ce", "FLAIR <span>not seen by student</span>"]


def test_odd_names_are_escaped():
    html = picture('<b>"&', {"flair": _head()}, RAS, {"<i>net</i>": _regions()}, seen={"<i>net</i>": []})
    assert "not seen by &lt;i&gt;net&lt;/i&gt;" in html and "<i>net" not in html and '<b>"' not in html


def test_sliders_go_through_as_many_slices_as_are_asked_for():
    html = _picture(slices=5)
    # the head of 24, 28 and 20 voxels in steps of 5, 6 and 4; the tumour's largest slice is the voxel 15, number 16
    sliders = re.findall(r'max="(\d+)" value="(\d+)" data-plane="(\w+)"\ndata-numbers="([\d ]+)"', html)
    assert sliders == [
        ("4", "3", "axial", "4 8 12 16 20"),
        ("4", "2", "coronal", "4 10 16 22 28"),
        ("4", "2", "sagittal", "6 11 16 21 26"),
    ]
    assert 'style="--axial:3;--coronal:2;--sagittal:2;"' in html
    assert "sliders" not in _picture(slices=1)


def test_without_javascript_the_sliders_are_hidden_and_the_tumours_largest_slice_is_in_view():
    html = _picture(slices=5)
    assert '<div class="sliders" hidden>' in html and html.count("axial <span>16/26</span>") == 2


def test_an_image_holds_all_slices_and_its_contours_lie_at_the_same_places():
    html = _picture(slices=5)
    data = re.search(r"webp;base64,([^\"]+)", html)[1]
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(data))).convert("L"))
    assert pixels.shape == (5 * (34 + 1), 30)  # with an empty row below each
    pitch = re.search(r'<figure class="axial".*?--pitch:([\d.]+)px', html, re.DOTALL)[1]
    assert float(pitch) == 35
    whole = re.search(r'-0-axial">.*?class="wt" d="([^"]+)"', html, re.DOTALL)[1]
    rows = sorted(int(row) // 2 // 35 for row in re.findall(r"M\d+ (\d+)l", whole))
    assert rows == [2, 3, 4]  # the ball of voxels 10 to 20 is in the slices 12, 16 and 20, numbered from 1


def test_pictures_beside_each_other_share_their_images():
    predictions = {"four": _regions(), "one": _regions(8)}
    html = picture("S1", {"flair": _head(), "t1": _head()}, RAS, predictions, seen={"one": ["flair"]}, beside=True)
    assert re.findall("<h4>(.*)</h4>", html) == [
        "FLAIR <span>four</span>",
        "FLAIR <span>one</span>",
        "T1 <span>four</span>",
        "T1 <span>one</span> <span>not seen</span>",
    ]
    assert html.count("data:image/webp") == 6 and html.count("<figure") == 12
    assert html.count(f'href="#{anchor("S1")}-flair-axial"') == 1  # the second figure takes the first one's image
    paths = [re.search(rf'-{side}-axial">.*?d="([^"]+)"', html, re.DOTALL)[1] for side in (0, 1)]
    assert paths[0] != paths[1] and "net1" not in html


def test_volumes_are_freed_as_soon_as_the_picture_is_made():
    image = _head()
    kept = weakref.ref(image)
    gc.disable()
    try:
        picture("S1", {"t1": image}, RAS, {"student": _regions()})
        del image
        assert kept() is None  # a batch would otherwise fill the memory until the garbage collector runs
    finally:
        gc.enable()


def test_fine_voxels_are_averaged():
    image = np.ones((600, 40, 30)) * np.arange(600)[:, None, None]
    html = picture("S1", {"t1": image}, np.diag([0.3, 0.3, 0.3, 1]), {"student": np.zeros((3, *image.shape))}, slices=2)
    data = re.search(r"webp;base64,([^\"]+)", html)[1]
    assert Image.open(BytesIO(base64.b64decode(data))).width == 256


def test_the_key_has_the_same_limits():
    assert ("report_slices", int, 1, MOST_SLICES) in NUMBERS and 1 < SLICES < MOST_SLICES


def test_grey_levels_do_not_depend_on_the_order_of_the_axes():
    # slices of 6 mm, of which each is a sample: two of a cube's three are bright, but only one of every second slice
    sizes, image = (1.0, 1.0, 6.0), np.zeros((48, 48, 12))
    image[3:-3, 3:-3, 1:-1] = 100
    image[12:36, 12:36, 3:5] = 900
    axial = picture("S1", {"t1": image}, np.diag([*sizes, 1]), {"student": np.zeros((3, *image.shape))}, slices=4)
    permuted = np.zeros((4, 4))
    permuted[(2, 0, 1, 3), (0, 1, 2, 3)] = (6.0, 1.0, 1.0, 1.0)  # the file's axes run to the top, the right, the front
    turned = np.moveaxis(image, 2, 0)
    html = picture("S1", {"t1": turned}, permuted, {"student": np.zeros((3, *turned.shape))}, slices=4)
    assert html == axial


def test_a_subject_at_full_size_stays_small():
    rng = np.random.default_rng(0)
    image = np.zeros((240, 240, 155), dtype=np.float32)
    image[50:190, 30:210, 10:150] = rng.normal(300, 60, (140, 180, 140))  # noisier than any scan
    maps = np.zeros((3, *image.shape), dtype=bool)
    maps[:, 80:130, 90:150, 60:110] = True
    html = picture("S1", {"t1ce": image}, RAS, {"student": maps}, maps, slices=8)
    assert len(html) < 500_000 and html.count(">50 mm<") == 3
