"""Surprising passages: text of letters that are rare to a model is planted among what it knows."""

from itertools import pairwise

import pytest
import torch

from common.decoder import DecoderConfig
from common.generation.model import LanguageModel, LanguageModelConfig
from common.generation.surprisal import evaluate_text, read_surprised
from common.tokenizer import Tokenizer

SENTENCE = "a cat sat on the mat, and the dog slept. "
KNOWN = 30 * SENTENCE
PLANTED = "zxqv jkw pqzz vbxk qqwz zzxk vvqj kkzx wqxz jjqk vzzx qkwj zqvv xxzj"


def model_of(kind):
    torch.manual_seed(1)
    text = KNOWN + PLANTED + "\n"
    tokenizer = Tokenizer.train(kind, [text], vocabulary_size=300 if kind == "byte-pair" else None)
    config = DecoderConfig(len(tokenizer), embedding_size=16, hidden_size=32, layers=1, dropout=0.0)
    return LanguageModel(LanguageModelConfig(config), tokenizer).eval()


@pytest.fixture(scope="module")
def frequencies():
    """A model to which a character is as probable as it is frequent in what it knows."""
    model = model_of("character")
    counts = [
        0.01 + KNOWN.count(model.tokenizer.decode([id_]) or "\0") for id_ in range(len(model.tokenizer))
    ]
    torch.nn.init.zeros_(model.decoder.embedding.weight)
    with torch.no_grad():
        model.decoder.bias.copy_(torch.tensor(counts).log())
    return model


def test_the_planted_passages_are_found_where_they_are(frequencies):
    text = f"{KNOWN}\n{KNOWN}{PLANTED} {KNOWN}\n\n{KNOWN}{PLANTED[::-1]} {KNOWN}"
    score, passages = evaluate_text(frequencies, [(1, text)], passages=4, width=60)
    middle = PLANTED[30:39]
    assert {middle in each.text or middle[::-1] in each.text for each in passages[:2]} == {True}
    assert sorted(each.line for each in passages[:2]) == [2, 4]
    assert passages[1].nats_per_character > 3 > passages[3].nats_per_character
    assert score.nats == pytest.approx(frequencies.measure(text).nats, rel=1e-4)


def test_passages_do_not_overlap_and_the_most_surprising_comes_first(frequencies):
    text = " ".join(f"w{number}" for number in range(300))
    _, passages = evaluate_text(frequencies, [(1, text)], passages=1000, width=30)
    places = sorted((text.index(each.text), len(each.text)) for each in passages)
    assert len(passages) > 20
    assert all(first + length <= second for (first, length), (second, _) in pairwise(places))
    surprise = [each.nats_per_character for each in passages]
    assert surprise == sorted(surprise, reverse=True)
    assert all(30 <= len(each.text) < 36 for each in passages)
    assert evaluate_text(frequencies, [(1, text)], passages=3, width=30)[1] == passages[:3]


@pytest.mark.parametrize("kind", ["character", "word", "byte-pair"])
@pytest.mark.parametrize("chunk", [3, 1000])
def test_pieces_are_the_whole(kind, chunk):
    """Cut before spaces, as the reader of files cuts."""
    model = model_of(kind)
    pieces = [(1, "a cat sat on"), (1, " the mat,\nthe dog"), (2, " slept.\n")]
    whole = model.measure("".join(text for _, text in pieces))
    score, _ = evaluate_text(model, pieces)
    read = list(read_surprised(model, pieces, chunk))
    assert sum(sum(each.nats) for each in read) == pytest.approx(whole.nats, rel=1e-5)
    assert score.nats == pytest.approx(whole.nats, rel=1e-5)
    assert (score.tokens, score.characters, score.words) == (whole.tokens, whole.characters, whole.words)


def test_each_character_has_its_surprise():
    model = model_of("character")
    ids = model.tokenizer.encode("the cat")
    logits, _ = model.decoder(torch.tensor([[Tokenizer.BOS, *ids[:-1]]]), model.decoder.start_empty(1))
    expected = -logits[0].log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).squeeze(1)
    (read,) = read_surprised(model, [(1, "the cat")])
    assert read.nats == pytest.approx(expected.tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat", ["the cat"]),
        ("  the cat \n", ["the cat"]),
        ("\n\n", []),
        ("x" * 150, ["x" * 60, "x" * 60]),  # what never ends is cut
    ],
)
def test_texts_that_are_short_or_have_no_spaces(text, expected):
    _, passages = evaluate_text(model_of("character"), [(1, text)], passages=3, width=60)
    assert [passage.text for passage in passages] == expected


def test_unknown_words_are_counted():
    score, _ = evaluate_text(model_of("word"), [(1, "a cat saw on"), (1, " the bird.")])
    assert (score.tokens, score.unknown, score.words) == (7, 2, 6)
