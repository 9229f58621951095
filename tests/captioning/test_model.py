import io
from dataclasses import replace

import pytest
import torch
from PIL import Image

from captioning.batches import CaptionBatch
from captioning.encoder import ImageEncoderConfig
from captioning.model import Captioner, CaptionerConfig
from captioning.photographs import read_photograph, to_pixels
from common.decoder import DecoderConfig
from common.errors import InputError
from common.generation.model import LanguageModel, LanguageModelConfig
from common.loss import sequence_loss
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer
from data.synthetic import shapes

DRAWINGS = shapes(5, seed=1, size=48)


def captioner_of(*, attention=True, cell="lstm"):
    torch.manual_seed(1)
    tokenizer = Tokenizer.train(
        "character", [drawing.caption for drawing in shapes(50, seed=2)], special_tokens=["<en>", "<de>"]
    )
    encoder = ImageEncoderConfig("resnet18", 64)
    decoder = DecoderConfig(
        len(tokenizer), 16, 20, 2, cell, summary_size=512, memory_size=20 * attention, heads=2
    )
    captioner = Captioner(CaptionerConfig(encoder, decoder, ("en", "de"), 30), tokenizer).eval()
    with torch.no_grad():
        captioner.decoder.embedding.weight *= 3  # so that an untrained model has something to say
        if captioner.position is not None:
            captioner.position.normal_()
    return captioner


@pytest.fixture(scope="module", params=[True, False], ids=["attention", "plain"])
def captioner(request):
    return captioner_of(attention=request.param)


@pytest.fixture(scope="module")
def pixels():
    return torch.stack([torch.from_numpy(to_pixels(drawing.image, 64)) for drawing in DRAWINGS])


@pytest.fixture
def paths(tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(len(DRAWINGS))]
    for path, drawing in zip(paths, DRAWINGS, strict=True):
        drawing.image.save(path)
    return paths


def captions_of(captioner, *captions, extra=0):
    tag = captioner.tokenizer.special("<en>")
    rows = [[tag, *captioner.tokenizer.encode(caption), Tokenizer.EOS] for caption in captions]
    longest = max(map(len, rows)) + extra
    return torch.tensor([row + [Tokenizer.PAD] * (longest - len(row)) for row in rows])


@pytest.mark.parametrize("strategy", [Beam(3), GREEDY, Sampling(seed=4), Beam(3, count=3), Sampling(count=2)])
def test_a_batch_is_each_alone(captioner, pixels, strategy):
    together = captioner.caption_pixels(pixels, strategy)
    for number, expected in enumerate(together):
        (alone,) = captioner.caption_pixels(pixels[number : number + 1], strategy, items=[number])
        assert alone.text == expected.text
        assert alone.score == pytest.approx(expected.score, abs=2e-3)
        assert [each.text for each in alone.alternatives] == [each.text for each in expected.alternatives]
        assert len(alone.alternatives) < strategy.count
    assert len({(result.text, result.score) for result in together}) > 1


@pytest.mark.parametrize("make", [str, lambda path: path, lambda path: path.read_bytes(), open, Image.open])
def test_one_photograph_of_any_kind(captioner, paths, make):
    expected = captioner.caption(paths, GREEDY)[2]
    photograph = open(paths[2], "rb") if make is open else make(paths[2])  # noqa: SIM115
    try:
        result = captioner.caption(photograph, GREEDY)
        (in_a_list,) = captioner.caption([photograph], GREEDY)
    finally:
        if hasattr(photograph, "close"):
            photograph.close()
    assert result == in_a_list
    assert result.text == expected.text


def test_no_photographs(captioner):
    assert captioner.caption([]) == []


def test_the_score_is_the_log_probability_under_the_model(captioner, pixels):
    features = captioner.encoder.early(pixels[:1])
    for strategy in (Beam(3), Sampling(seed=1)):
        (result,) = captioner.caption_pixels(features, strategy)
        finished = result.tokens[-1] == "<eos>"
        target = captions_of(captioner, result.text)[:, : None if finished else -1]
        loss = captioner.loss(CaptionBatch(features, target))
        # What is looked at was computed in 16 bits for the one, in 32 for the other.
        assert result.score == pytest.approx(-loss.nats, rel=1e-3)
        assert result.score == pytest.approx(sum(result.log_probabilities))
        assert len(result.tokens) == len(result.log_probabilities) == loss.tokens


def test_several_captions_of_an_image_cost_what_each_costs(captioner, pixels):
    """Those of one image lie together, and the image is encoded once."""
    features = captioner.encoder.early(pixels[:2])
    texts = ["a large red circle", "a dot", "above", "a small blue square left of it", "no", "left"]
    together = captioner.loss(CaptionBatch(features, captions_of(captioner, *texts, extra=4)))
    alone = [
        captioner.loss(CaptionBatch(features[row // 3 : row // 3 + 1], captions_of(captioner, text)))
        for row, text in enumerate(texts)
    ]
    assert together.nats == pytest.approx(sum(loss.nats for loss in alone), rel=1e-5)
    assert together.tokens == sum(loss.tokens for loss in alone)


def test_captions_by_their_lengths_teach_the_same_as_all_together(captioner, pixels):
    """The loss and its gradient are those of one call in which every caption is padded to the longest."""
    texts = ["a large red circle", "a dot", "above", "no", "a small blue square left of it", "left"]
    captions = captions_of(captioner, *texts, extra=4)
    features = captioner.encoder.early(pixels[:2])

    def gradients(loss):
        captioner.zero_grad()
        loss.objective.backward()
        return [p.grad.clone() for p in captioner.parameters() if p.grad is not None]

    found = captioner.loss(CaptionBatch(features, captions), 0.1)
    state = captioner.start(features).widen(3)
    expected = sequence_loss(captioner.decoder, state, captions, padding=Tokenizer.PAD, label_smoothing=0.1)
    assert found.tokens == expected.tokens
    assert found.nats == pytest.approx(expected.nats, rel=1e-5)
    for one, other in zip(gradients(found), gradients(expected), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_attention_sees_where_things_are_and_the_summary_does_not():
    """Mirroring the grid moves what is where, but not what there is."""
    differences = {}
    for attention in (True, False):
        captioner = captioner_of(attention=attention)
        captioner.encoder.late = lambda grid: grid.flatten(1, 2)  # the places come as they are given
        grid = torch.randn(5, 2, 2, 512, generator=torch.Generator().manual_seed(1))
        captions = captions_of(captioner, *["a large red circle"] * 5)
        nats = [captioner.loss(CaptionBatch(each, captions)).nats for each in (grid, grid.flip(2))]
        differences[attention] = abs(nats[0] - nats[1])
    assert differences[False] < 1e-3 < differences[True]


def test_the_language_asked_for_is_the_first_token(captioner, pixels):
    english, german, usual = (
        captioner.caption_pixels(pixels[:1], GREEDY, language=language)[0] for language in ("en", "de", None)
    )
    assert usual == english
    assert english.log_probabilities != german.log_probabilities
    with pytest.raises(InputError, match="does not write captions in fr; it writes en, de"):
        captioner.caption_pixels(pixels[:1], GREEDY, language="fr")


def test_special_tokens_are_never_written_and_the_length_is_limited(pixels):
    captioner = captioner_of()
    with torch.no_grad():
        for token in captioner.tokenizer.special_tokens:
            captioner.decoder.bias[captioner.tokenizer.special(token)] = -90.0 if token == "<eos>" else 50.0
    for strategy in (Beam(3), Sampling(temperature=3.0)):
        (result,) = captioner.caption_pixels(pixels[:1], strategy)
        assert not set(result.tokens) & set(captioner.tokenizer.special_tokens)
        assert len(result.tokens) == 30


def test_of_the_network_only_what_is_told_to_learns(pixels):
    captioner = captioner_of()
    captioner.train()
    learning = {name for name, parameter in captioner.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith("encoder.") for name in learning)
    captioner.encoder.train_stages(1)
    captions = captions_of(captioner, "a", "b", "c", "d", "e")
    loss = captioner.loss(CaptionBatch(captioner.encoder.early(pixels), captions))
    loss.objective.backward()
    missing = [name for name, p in captioner.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_pictures_that_cannot_be_read(captioner, paths):
    paths[1].write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.png: the file is empty"):
        captioner.caption(paths)


def test_pixels_are_those_of_the_photograph(captioner, paths):
    found = captioner.pixels(io.BytesIO(paths[0].read_bytes()))
    assert (found == to_pixels(read_photograph(paths[0], 64), 64)).all()
    assert found.shape == (64, 64, 3)


@pytest.mark.parametrize(("storage", "error"), [("float32", 0.0), ("bfloat16", 0.02), ("int8", 0.05)])
@pytest.mark.parametrize("attention", [True, False], ids=["attention", "plain"])
def test_saved_and_loaded(pixels, tmp_path, attention, storage, error):
    captioner = captioner_of(attention=attention, cell="gru")
    captioner.save(tmp_path / "model", storage)
    again = Captioner.load(tmp_path / "model", device="cpu")
    assert again.config == captioner.config
    captions = captions_of(captioner, *[drawing.caption for drawing in DRAWINGS])
    expected, found = (
        model.loss(CaptionBatch(model.encoder.early(pixels), captions)) for model in (captioner, again)
    )
    assert found.nats / found.tokens == pytest.approx(expected.nats / found.tokens, abs=error, rel=0)
    if storage == "float32":
        again.decoder.fast = None
        strategy = Beam(3, count=2)
        assert again.caption_pixels(pixels, strategy) == captioner.caption_pixels(pixels, strategy)


def test_another_kind_of_model(tmp_path):
    captioner = captioner_of(attention=False)
    config = LanguageModelConfig(replace(captioner.config.decoder, summary_size=0))
    LanguageModel(config, captioner.tokenizer).save(tmp_path / "model")
    with pytest.raises(InputError, match="model: holds a language-model, but a captioner is needed"):
        Captioner.load(tmp_path / "model")
