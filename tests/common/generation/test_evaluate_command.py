import re

import pytest
import torch

from common.generation.model import LanguageModel

KNOWN = "To be, or not to be: that is the question.\n"
PLANTED = "qqqq TTTT qqqq TTTT qqqq TTTT\tqqqq TTTT qqqq TTTT qqqq TTTT qqqq."


@pytest.fixture(scope="module")
def frequencies(tiny_language_model, tmp_path_factory):
    """A model to which a character is as probable as it is frequent in what it knows."""
    model = LanguageModel.load(tiny_language_model, device="cpu")
    counts = [
        0.01 + KNOWN.count(model.tokenizer.decode([id_]) or "\0") for id_ in range(len(model.tokenizer))
    ]
    torch.nn.init.zeros_(model.decoder.embedding.weight)
    with torch.no_grad():
        model.decoder.bias.copy_(torch.tensor(counts).log())
        model.decoder.bias[model.tokenizer.encode("qT")] = -8.0
    directory = tmp_path_factory.mktemp("models") / "frequencies"
    model.save(directory)
    return directory


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "text.txt"
    path.write_text(6 * KNOWN + PLANTED + " " + 3 * KNOWN)
    return path


def test_the_most_surprising_passages_on_a_line_each(inwords, frequencies, text):
    outcome = inwords("evaluate", "text", text, "--model", frequencies, "--passages", "2")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.lines[2:4] == ["", "most surprising (nats a character):"]
    first, second = outcome.lines[4:]
    assert re.fullmatch(r"\d\.\d\d  line 7: .*qqqq TTTT\\tqqqq TTTT.*", first)
    assert float(first.split()[0]) > float(second.split()[0])


def test_no_passages(call, frequencies, text):
    assert len(call("evaluate", "text", text, "--model", frequencies, "--passages", "0").lines) == 2


def test_json(call, frequencies, text):
    outcome = call("evaluate", "text", text, "--model", frequencies, "--format", "json", "--passages", "1")
    (record,) = outcome.records
    whole = text.read_text()
    assert record["characters"] == record["tokens"] == len(whole)
    assert (record["words"], record["unknown"]) == (len(whole.split()), 1)  # the tab
    score = LanguageModel.load(frequencies, device="cpu").measure(whole)
    for name in ("nats_per_character", "bits_per_character", "perplexity", "word_perplexity"):
        assert record[name] == pytest.approx(getattr(score, name), rel=1e-4)
    (passage,) = record["passages"]
    assert passage["line"] == 7
    assert passage["text"] in PLANTED + " " + KNOWN


def test_a_part_knows_its_lines(call, frequencies, text):
    flags = ("--last", "0.5", "--passages", "1", "--format", "json")
    (record,) = call("evaluate", "text", text, "--model", frequencies, *flags).records
    assert record["characters"] == round(len(text.read_text()) / 2)
    assert record["passages"][0]["line"] == 7


def test_a_text_without_words_is_json_too(call, frequencies, tmp_path):
    (tmp_path / "text.txt").write_text("q" * 2000)
    (record,) = call(
        "evaluate", "text", tmp_path / "text.txt", "--model", frequencies, "--format", "json"
    ).records
    assert record["word_perplexity"] is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--passages", "-1"), "--passages must be 0 or more, got -1"),
        (("--last", "0"), "--last must be above 0 and at most 1, got 0.0"),
        (("--last", "1.5"), "--last must be above 0 and at most 1, got 1.5"),
        (("--format", "xml"), "invalid choice: 'xml'"),
    ],
)
def test_wrong_calls(call, text, flags, message):
    outcome = call("evaluate", "text", text, *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert message in outcome.err


def test_a_share_without_text(call, frequencies, tmp_path):
    (tmp_path / "text.txt").write_text("To be")
    outcome = call("evaluate", "text", tmp_path / "text.txt", "--model", frequencies, "--last", "0.01")
    assert (outcome.status, outcome.out) == (1, "")
    assert "the last 0.01 of it holds no text; take more of it" in outcome.err
