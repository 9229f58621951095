import math
import os
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from PIL import Image

from captioning import matching
from captioning.index import encode_photographs, open_index
from captioning.matching import (
    Encoded,
    caption_ids,
    encode_pixels,
    gains,
    ranks,
    read_beside,
    read_blindly,
    sums,
)
from captioning.model import Captioner
from common.errors import InputError

CAPTIONS = ["a dog", "A dog runs through the snow.", "snow", "the dog runs"]


@pytest.fixture(scope="module")
def captioner(tiny_captioner):
    return Captioner.load(tiny_captioner)


@pytest.fixture(scope="module")
def pixels():
    """Five pictures of noise."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8))


def step_by_step(captioner, state, ids):
    """The log-probability of each token, read one at a time by the decoder's step."""
    last, found = captioner.language_tag(None), []
    for token in ids:
        logits, state = captioner.decoder(torch.tensor([[last]]), state)
        found.append(float(logits[0, 0].detach().log_softmax(-1)[token]))
        last = token
    return found


def test_readings_are_those_of_the_step(captioner, pixels):
    ids = caption_ids(captioner, CAPTIONS)
    readings = read_beside(captioner, encode_pixels(captioner, pixels), ids)
    assert [len(row) for row in readings] == [len(CAPTIONS)] * len(pixels)
    for row, pixel in zip(readings, pixels, strict=True):
        state = captioner.start(captioner.encoder.early(pixel.unsqueeze(0)))
        for reading, caption in zip(row, ids, strict=True):
            # In 16 bits, photographs are not quite what they are in 32.
            expected = pytest.approx(step_by_step(captioner, state, caption), abs=5e-3)
            assert reading.log_probabilities.tolist() == expected
    assert len({round(float(row[0].log_probabilities.sum()), 5) for row in readings}) == len(pixels)


def test_readings_without_a_photograph_are_those_of_the_zero_state(captioner):
    ids = caption_ids(captioner, CAPTIONS)
    state = captioner.decoder.start_empty(1)
    for reading, caption in zip(read_blindly(captioner, ids), ids, strict=True):
        expected = pytest.approx(step_by_step(captioner, state, caption), abs=1e-5)
        assert reading.log_probabilities.tolist() == expected


@pytest.mark.parametrize("tokens", [16, 40, 200])
def test_how_much_is_read_in_a_call_changes_nothing(captioner, pixels, monkeypatch, tokens):
    ids, encoded = caption_ids(captioner, CAPTIONS), encode_pixels(captioner, pixels)
    expected = sums(read_beside(captioner, encoded, ids))
    monkeypatch.setattr(matching, "_TOKENS", tokens)
    assert torch.allclose(sums(read_beside(captioner, encoded, ids)), expected, atol=1e-5)


def test_captions_are_written_as_the_training_data_were(captioner):
    first, *others = caption_ids(captioner, ["A dog's ball.", "a dog 's ball .", "A dog's ball"])
    assert others == [first, first]


@pytest.mark.parametrize("caption", ["", "  ", " . "])
def test_a_caption_needs_words(captioner, caption):
    with pytest.raises(InputError, match=r"caption '.*' has no words; say what"):
        caption_ids(captioner, ["a dog", caption])


def test_gains_are_pointwise_mutual_information():
    """Of two captions beside two kinds of photographs, sixteen of each."""
    scores = torch.tensor([[0.5, 0.1], [0.25, 0.3]]).log().repeat(16, 1)
    mean = torch.tensor([0.375, 0.2])
    expected = (torch.tensor([[0.5, 0.1], [0.25, 0.3]]) / mean).log().repeat(16, 1)
    assert torch.allclose(gains(scores, torch.tensor([-1.0, -2.0])), expected)


def test_gains_over_few_photographs_are_over_none():
    scores = torch.tensor([[-3.0, -5.0]]).repeat(31, 1)
    assert gains(scores, torch.tensor([-4.0, -4.0]))[0].tolist() == [1.0, -1.0]


def test_a_gain_is_at_most_the_logarithm_of_their_number():
    scores = torch.full((64, 1), -1000.0)
    scores[7] = -3.0
    assert float(gains(scores, torch.zeros(1)).max()) == pytest.approx(math.log(64))


def test_ranks_and_ties():
    scores = torch.tensor([[3.0, 1.0, 2.0, 5.0], [1.0, 2.0, 2.0, 5.0], [2.0, 4.0, 2.0, 5.0]])
    assert ranks(scores, torch.tensor([0, 0, 1, 2])).tolist() == [1.0, 3.0, 2.0, 2.0]


@pytest.fixture
def folder(tmp_path):
    """Three pictures, and a file that is none."""
    noise = np.random.default_rng(1).integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    for name, picture in zip("abc", noise, strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    (tmp_path / "bad.png").write_text("hello")
    return tmp_path


def encode(captioner, folder, index=None, model="model"):
    """Name to first number of the summary, of what can be read in the folder."""
    paths = sorted(folder.glob("*.png"))
    with open_index(index, model) if index else nullcontext() as entries:
        results = list(encode_photographs(captioner, [(path, None) for path in paths], entries))
    assert [path for path, _ in results] == paths
    return {path.stem: float(each.summary[0, 0]) for path, each in results if isinstance(each, Encoded)}


def test_known_and_new_photographs_come_in_order(captioner, folder, monkeypatch):
    """However they lie in the batches."""
    monkeypatch.setattr("captioning.index.BATCH", 2)
    index = folder / "photographs.index"
    for number in range(3):
        shutil.copy(folder / "b.png", folder / f"b{number}.png")
    first = encode(captioner, folder, index)
    for number in range(4):
        shutil.copy(folder / "c.png", folder / f"a{number}.png")
    shutil.copy(folder / "a.png", folder / "b1.png")
    expected = first | {f"a{number}": first["c"] for number in range(4)} | {"b1": first["a"]}
    assert encode(captioner, folder, index) == expected
    assert encode(captioner, folder, index) == expected


def test_an_index_spares_the_work_until_a_photograph_changes(captioner, folder):
    index = folder / "photographs.index"
    first = encode(captioner, folder, index)
    assert list(first) == ["a", "b", "c"]
    assert len(set(first.values())) == 3
    assert first == encode(captioner, folder)
    # Other pixels with the old size and time: only who looks can tell.
    before = (folder / "a.png").stat()
    (folder / "a.png").write_bytes(b"x" * before.st_size)
    os.utime(folder / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    written = index.stat().st_mtime_ns
    assert encode(captioner, folder, index) == first
    assert index.stat().st_mtime_ns == written
    shutil.copy(folder / "b.png", folder / "a.png")
    shutil.copy(folder / "c.png", folder / "d.png")
    (folder / "c.png").unlink()
    second = encode(captioner, folder, index)
    assert second == {"a": first["b"], "b": first["b"], "d": first["c"]}
    with open_index(index, "model") as entries:
        assert sorted(entries) == [str(folder / name) for name in ("a.png", "b.png", "d.png")]


def test_an_index_of_another_model_is_made_anew(captioner, folder):
    index = folder / "photographs.index"
    first = encode(captioner, folder, index, "one")
    with open_index(index, "other") as entries:
        assert not entries
    assert encode(captioner, folder, index, "other") == first
    with open_index(index, "one") as entries:
        assert not entries


def test_an_interruption_loses_nothing(captioner, folder):
    index = folder / "photographs.index"

    photographs = [(folder / name, None) for name in ("a.png", "b.png")]

    def look_at_one(entries):
        next(encode_photographs(captioner, photographs, entries))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_index(index, "model") as entries:
        look_at_one(entries)
    with open_index(index, "model") as entries:
        assert list(entries) == [str(folder / "a.png")]
    assert not list(folder.glob("*.part"))


def test_a_model_without_attention_has_an_index_too(folder, resnet):
    from captioning.encoder import ImageEncoderConfig
    from captioning.model import CaptionerConfig
    from common.decoder import DecoderConfig
    from common.tokenizer import Tokenizer

    tokenizer = Tokenizer.train("byte-pair", CAPTIONS, vocabulary_size=270, special_tokens=["<en>"])
    decoder = DecoderConfig(len(tokenizer), 8, 16, layers=1, summary_size=512)
    captioner = Captioner(CaptionerConfig(ImageEncoderConfig("resnet18", 64), decoder), tokenizer).eval()
    index = folder / "photographs.index"
    assert encode(captioner, folder, index) == encode(captioner, folder, index)
    pixels = torch.from_numpy(captioner.pixels(folder / "a.png")).unsqueeze(0)
    (row,) = read_beside(captioner, encode_pixels(captioner, pixels), caption_ids(captioner, CAPTIONS))
    assert len(row) == len(CAPTIONS)


@pytest.mark.parametrize("content", [b"hello", b"", b"\x02" + b"\0" * 7 + b"{}"])
def test_a_file_that_is_no_index_stays_as_it_is(tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"photo.jpg: not an index of photographs, or damaged"):
        open_index(path, "model").__enter__()
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_an_index_that_cannot_be_written_is_known_before_the_work(tmp_path):
    with pytest.raises(InputError, match=r"x\.index: cannot be written \(No such file"):
        open_index(tmp_path / "missing" / "x.index", "model").__enter__()
