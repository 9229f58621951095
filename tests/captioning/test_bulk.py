import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captioning.bulk import caption_all, read_all
from captioning.model import Captioner
from captioning.photographs import to_pixels
from common.constraints import Constraints
from common.errors import InputError
from common.search import Beam, Sampling


@pytest.fixture(scope="module")
def captioner(tiny_captioner):
    return Captioner.load(tiny_captioner)


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> list[Path]:
    """Ninety pictures, every seventh of which is none."""
    folder, noise = tmp_path_factory.mktemp("album"), np.random.default_rng(0)
    paths = [folder / f"{number:02}.png" for number in range(90)]
    for number, path in enumerate(paths):
        if number % 7 == 3:
            path.write_text("hello")
        else:
            Image.fromarray(noise.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("readers", [1, 5, None])
def test_each_is_read_in_order(captioner, album, readers):
    known = InputError("known before")
    given = [*((path, None) for path in album), (Path("x"), known)]
    results = list(read_all(captioner, iter(given), readers=readers))
    assert [path for path, _ in results] == [path for path, _ in given]
    assert results[-1][1] is known
    for number, (path, result) in enumerate(results[:-1]):
        if number % 7 == 3:
            assert isinstance(result, InputError)
        else:
            assert (result == to_pixels(Image.open(path), 64)).all()


@pytest.mark.parametrize("ahead", [0, 1, 10])
def test_no_more_are_read_ahead_than_allowed(captioner, album, ahead):
    taken = 0

    def given():
        nonlocal taken
        for path in album:
            taken += 1
            yield path, None

    for number, _ in enumerate(read_all(captioner, given(), ahead=ahead), start=1):
        assert taken <= number + ahead


def test_the_next_ones_are_read_while_the_caller_works(captioner, album):
    later = threading.Event()

    def look(path, image):
        if path == album[5]:
            later.set()

    results = read_all(captioner, ((path, None) for path in album), readers=2, look=look)
    next(results)
    assert later.wait(30)  # nobody has asked for it yet
    results.close()


def test_the_threads_end_with_the_caller(captioner, album):
    before = threading.active_count()
    results = read_all(captioner, ((path, None) for path in album), readers=4)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_pictures_are_shown_as_they_are(captioner, album):
    sizes = {}
    good = [(album[0], None), (album[3], None), (io.BytesIO(album[1].read_bytes()), None)]
    list(read_all(captioner, good, look=lambda source, image: sizes.update({source: image.size})))
    assert sizes == {album[0]: (12, 9), good[2][0]: (12, 9)}


@pytest.mark.parametrize("strategy", [Beam(2), Sampling(seed=3, count=2)])
def test_a_photograph_in_a_crowd_has_the_caption_that_it_has_alone(captioner, album, strategy):
    photographs = [(path, None) for path in album]
    constraints = Constraints(max_length=4)
    results = list(caption_all(captioner, photographs, strategy, "en", constraints))
    assert [path for path, _ in results] == album
    later = list(caption_all(captioner, photographs[50:], strategy, "en", constraints, first=50))
    for number in (0, 1, 44, 53, 89):
        alone = captioner.caption([album[number]], strategy, constraints=constraints, items=[number])[0]
        crowds = [results[number], *later[number - 50 :][:1]] if number >= 50 else [results[number]]
        for _, result in crowds:
            assert result.text == alone.text
            assert result.score == pytest.approx(alone.score, abs=1e-3)
    bad = [number for number, (_, result) in enumerate(results) if isinstance(result, InputError)]
    assert bad == list(range(3, 90, 7))


def test_different_captions_of_the_same(captioner, album):
    for strategy in (Beam(3, count=3), Sampling(count=3, temperature=2.0), Beam(3, 1.0, 3, 0.5)):
        result = captioner.caption(album[0], strategy)
        texts = [each.text for each in (result, *result.alternatives)]
        assert len(set(texts)) == 3
