import numpy as np
import pytest
import torch
from PIL import Image

from captioning.consensus import FILE, Consensus
from captioning.model import Captioner
from captioning.phrases import OFTEN
from common.constraints import Constraints
from common.errors import InputError
from common.metrics import caption_words
from common.sampling import Sampling
from common.search import Beam, Hypothesis

DOGS = ["A dog runs through the snow.", "The brown dog plays in deep snow."]
CATS = ["Two cats sleep on a sofa.", "A sofa with a pair of cats."]
CAPTIONS = dict(enumerate([DOGS] * OFTEN + [CATS] * OFTEN))
LIKE_DOGS = np.array([1.0] * OFTEN + [-9.0] * OFTEN)


@pytest.fixture
def consensus():
    """Photographs of dogs lie in one direction from the middle, those of cats in another."""
    places = torch.tensor([[3.0, 0.0, 7.0], [0.0, 3.0, 7.0]]).repeat_interleave(OFTEN, 0)
    return Consensus.of(places + 0.1 * torch.randn(6, 3, generator=torch.manual_seed(1)), {"en": CAPTIONS})


TEXTS = {(1,): "A bird.", (2,): "Two cats sleep.", (3,): "A dog runs."}


def text_of(hypothesis):
    return TEXTS[hypothesis.tokens]


def found(*scores):
    return [Hypothesis(tokens, (score,), True) for tokens, score in zip(TEXTS, scores, strict=True)]


def test_the_caption_that_agrees_comes_first(consensus):
    summaries = torch.tensor([[2.0, 0.5, 7.0], [0.0, 4.0, 7.0]])
    dogs, cats = consensus.best_first("en", summaries, [found(-1.0, -1.1, -1.2)] * 2, text_of)
    assert [text_of(dogs[0]), text_of(cats[0])] == ["A dog runs.", "Two cats sleep."]
    assert sorted(map(text_of, dogs)) == sorted(TEXTS.values())
    # Against a probability that is much higher it does not prevail.
    (dogs,) = consensus.best_first("en", summaries[:1], [found(-1.0, -90.0, -90.0)], text_of)
    assert text_of(dogs[0]) == "A bird."


def test_a_language_of_which_nothing_is_known_stays_in_its_order(consensus):
    given = [found(-3.0, -2.0, -1.0)]
    assert consensus.best_first("de", torch.zeros(1, 3), given, text_of) == given


def test_what_is_written_comes_back(consensus, tmp_path):
    consensus.save(tmp_path)
    read = Consensus.load(tmp_path)
    summaries = 5 * torch.randn(4, 3, generator=torch.manual_seed(2))
    assert torch.allclose(read.similarities(summaries), consensus.similarities(summaries), atol=0.02)
    ours, theirs = (each.phrases["en"].agreement(LIKE_DOGS, DOGS + CATS) for each in (read, consensus))
    assert np.allclose(ours, theirs, atol=0.01)


def test_without_a_file_there_is_none_and_a_damaged_one_is_named(tmp_path):
    assert Consensus.load(tmp_path) is None
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(InputError, match=rf"{FILE}: damaged .*; copy the model again"):
        Consensus.load(tmp_path)


def test_a_captioner_asks_it_about_the_captions_of_a_beam(tiny_captioner):
    captioner = Captioner.load(tiny_captioner, device="cpu")
    photograph = Image.new("RGB", (64, 64), "red")
    varied = Constraints(no_repeat_ngram=1)  # it has learned nothing, and would repeat a letter
    plain = captioner.caption(photograph, Beam(6, count=3), constraints=varied)
    words = caption_words(plain.text)
    other = next(each.text for each in plain.alternatives if caption_words(each.text) != words)
    with torch.inference_mode():
        summaries = captioner.encode(torch.from_numpy(captioner.pixels(photograph)[None]))[0]
    summaries = torch.cat([summaries, -summaries]).repeat_interleave(OFTEN, 0)
    captions = {row: [other if row < OFTEN else "nothing of that"] for row in range(2 * OFTEN)}
    captioner.consensus = Consensus.of(summaries, {"en": captions})
    asked = captioner.caption(photograph, Beam(6, count=3), constraints=varied)
    assert caption_words(asked.text) == caption_words(other)
    # A sample is a sample.
    sampling = Sampling(temperature=1.0, seed=3)
    drawn = captioner.caption(photograph, sampling)
    captioner.consensus = None
    assert captioner.caption(photograph, sampling) == drawn


def test_it_is_kept_with_the_model(tiny_captioner, consensus, tmp_path):
    captioner = Captioner.load(tiny_captioner, device="cpu")
    captioner.consensus = consensus
    captioner.save(tmp_path / "model", "int8")
    assert Captioner.load(tmp_path / "model").consensus is not None
    captioner.consensus = None
    captioner.save(tmp_path / "model", "int8")
    assert Captioner.load(tmp_path / "model").consensus is None
