"""Texts read part by part, continued from there, streamed and stopped."""

import pytest
import torch
from torch.testing import assert_close

from common.constraints import Constraints
from common.decoder import DecoderConfig
from common.generation.model import LanguageModel, LanguageModelConfig
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer

TEXT = "the cat sees a dog. my owl likes the mice, and a bone.\nno snow today 😀 "


@pytest.fixture(scope="module", params=["character", "word", "byte-pair"])
def model(request):
    torch.manual_seed(1)
    size = 300 if request.param == "byte-pair" else None
    tokenizer = Tokenizer.train(request.param, [TEXT], vocabulary_size=size)
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=16, layers=2)
    return LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()


@pytest.mark.parametrize(
    "parts", [["the ", "cat sees"], ["", "the"], ["the cat", ""], ["my ", "o", "wl", " likes ¿", "a"]]
)
def test_read_in_parts_is_read_at_once(model, parts):
    draft = model.read(parts[0])
    for part in parts[1:]:
        draft = model.read(part, draft)
    whole = model.read("".join(parts))
    assert (draft.text, draft.ids) == (whole.text, whole.ids)
    for one, other in zip(draft.state.hidden, whole.state.hidden, strict=True):
        assert_close(one, other)
    assert model.generate(draft, 9, GREEDY).tokens == model.generate(whole, 9, GREEDY).tokens


def test_what_was_read_is_not_read_again(model, monkeypatch):
    draft, lengths, read = model.read("the cat sees a dog."), [], model.decoder.read

    def counting(tokens, state):
        lengths.append(tokens.size(1))
        return read(tokens, state)

    monkeypatch.setattr(model.decoder, "read", counting)
    longer = model.read(" my owl", draft)
    assert longer.ids[: len(draft.ids)] == draft.ids
    assert lengths == [len(longer.ids) - len(draft.ids)]


STRATEGIES = [GREEDY, Sampling(seed=3), Sampling(1.5, top_k=9, count=3), Beam(4, count=3)]


@pytest.mark.parametrize("prompt", ["", "the cat", "the ", "¿the 😀"])
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=3), Sampling(1.5, min_p=0.01, seed=1)])
@pytest.mark.parametrize("stop", [(), ("a",), ("e ", "t", ". "), ("nowhere",), ("\ufffd", " ")])
def test_streamed_is_what_is_generated(model, prompt, sampling, stop):
    constraints = Constraints(ban=("dog",), no_repeat_ngram=4, min_length=0)
    pieces = list(model.stream(prompt, 40, sampling, constraints, stop))
    assert prompt + "".join(pieces) == model.generate(prompt, 40, sampling, constraints, stop).text


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("stop", ["a", "e ", "the", "at", "\n"])
def test_every_result_ends_before_the_stop(model, strategy, stop):
    prompt = "a cat at the end of the\n"
    whole = model.generate(prompt, 60, strategy)
    found = model.generate(prompt, 60, strategy, stop=[stop])
    ends = [each.text[len(prompt) :].partition(stop)[0] for each in (whole, *whole.alternatives)]
    results = [found, *found.alternatives]
    texts = [each.text for each in results]
    expected = [prompt + end for end in ends]
    assert texts == (list(dict.fromkeys(expected)) if isinstance(strategy, Beam) else expected)
    for result in results:
        assert len(result.tokens) == len(result.log_probabilities)
        assert result.score == pytest.approx(sum(result.log_probabilities))
        # The tokens are enough for what is shown, and the last of them is needed.
        added = "".join(result.tokens) if "<0x" not in "".join(result.tokens) else None
        if added is not None and result.text != whole.text:
            assert added.startswith(result.text[len(prompt) :])
            assert len("".join(result.tokens[:-1])) <= len(result.text) - len(prompt)


def test_an_endless_text_can_be_begun(model):
    pieces = model.stream("the", 10**9, Sampling(seed=1))
    assert len([next(pieces) for _ in range(20)]) == 20
