import json
from random import Random

import pytest

from common.generation.model import LanguageModel

SUBJECTS, VERBS, OBJECTS = ("the cat", "a dog"), (" sees ", " likes "), ("fish.\n", "bones.\n")


def sentences(count, seed):
    """Each of three choices is one bit; the rest is to be known by heart."""
    random = Random(seed)
    choices = (SUBJECTS, VERBS, OBJECTS)
    return "".join(random.choice(choice) for _ in range(count) for choice in choices)


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(sentences(400, seed=1))
    return path


SMALL = (
    *("--set", "model.hidden_size=48", "--set", "model.embedding_size=24", "--set", "model.dropout=0.0"),
    *("--set", "model.recurrent_dropout=0.0", "--set", "model.embedding_dropout=0.0"),
    *("--set", "training.learning_rate=1e-2", "--set", "training.warmup_steps=10"),
    *("--set", "training.average_decay=0.9", "--set", "training.threads=1", "--set", "window=32"),
)


@pytest.mark.parametrize(("tokens", "epochs"), [("character", 3), ("word", 5), ("byte-pair", 6)])
def test_a_text_is_learned_without_a_recipe(inwords, book, tokens, epochs):
    call = ("train", "language-model", book, "--tokens", tokens, "--epochs", str(epochs), *SMALL)
    outcome = inwords(*call, cwd=book.parent)
    assert (outcome.status, outcome.lines) == (0, ["runs/book/best"]), outcome.err
    chosen = outcome.err.splitlines()[0]
    characters = len(book.read_text())
    assert f"book.txt: {characters:,} characters, read by {tokens}, so model.hidden_size=48" in chosen
    assert f"training.epochs={epochs} at most (--set changes them)" in chosen
    model = LanguageModel.load(book.parent / "runs" / "book" / "best", device="cpu")
    assert model.tokenizer.kind == tokens
    score = model.measure(sentences(100, seed=2))
    # 3 bits a sentence of four words: at best a perplexity of 2^(3/4) = 1.68 a word.
    assert 1.6 < score.word_perplexity < 2.2
    assert "<unk>" not in model.generate("the cat", 50).text
    metrics = (book.parent / "runs" / "book" / "metrics.jsonl").read_text().splitlines()
    assert len(json.loads(metrics[-1])["samples"]) == 3


def test_a_text_goes_on(inwords, book):
    call = ("train", "language-model", book, "--output", book.parent / "out", "--epochs", "1", *SMALL)
    assert inwords(*call).lines == [str(book.parent / "out" / "best")]
    outcome = inwords(*call[: -len(SMALL) - 1], "2", *SMALL, "--resume")
    assert outcome.status == 0
    assert ("epoch 1:" in outcome.err, "epoch 2:" in outcome.err) == (False, True)
    lines = (book.parent / "out" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("content", "flags", "status", "message"),
    [
        (b"caf\xe9 au lait\n" * 50, (), 1, "line 1: byte 4 (0xe9) is not UTF-8; convert the file"),
        (b"", (), 1, "is empty; give a file with text to learn from"),
        (b"abc", (), 1, "tokens are too few to learn from"),
        (None, (), 1, "does not exist; check the path"),
        (b"a cat sat\n" * 50, ("--set", "model.cell=rnm"), 1, "cell must be 'lstm' or 'gru' or 'rnn'"),
        (b"a cat sat\n" * 50, ("--set", "windows=3"), 1, "unknown setting windows"),
        (b"a cat sat\n" * 50, ("--epochs", "0"), 1, "epochs must be at least 1, got 0"),
        (b"a cat sat\n" * 50, ("--tokens", "letter"), 2, "invalid choice: 'letter'"),
        (b"a b c d e f g h i\n", ("--tokens", "word"), 1, "no word comes often enough"),
        (b"a cat sat\n" * 50, ("--resume",), 1, "no checkpoint to resume from; train without --resume"),
    ],
)
def test_what_is_wrong_with_a_text_or_a_flag(call, tmp_path, monkeypatch, content, flags, status, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "book.txt"
    if content is not None:
        path.write_bytes(content)
    outcome = call("train", "language-model", path, *flags)
    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert message in outcome.err.splitlines()[-1]


def test_flags_change_a_recipe(call, book, monkeypatch):
    monkeypatch.chdir(book.parent)
    (book.parent / "recipe.toml").write_text(
        'output = "run"\ntext = "book.txt"\nwindow = 16\n[model]\nhidden_size = 8\nlayers = 1\n'
        "[training]\nepochs = 5\nlabel_smoothing = 0.0\nthreads = 1\n"
    )
    flags = ("--tokens", "word", "--output", "other", "--epochs", "1")
    outcome = call("train", "language-model", "recipe.toml", *flags)
    assert (outcome.status, outcome.lines) == (0, ["other/best"])
    assert LanguageModel.load("other/best", device="cpu").tokenizer.kind == "word"
    assert len((book.parent / "other" / "metrics.jsonl").read_text().splitlines()) == 1
