"""What people ask of a text, kept by a model that has learned nothing, or only what it should not write."""

import re
from dataclasses import dataclass
from random import Random
from time import process_time

import pytest
import torch

from common.banned_words import BannedWords, holds
from common.constraints import Constraints, _spellings
from common.decoder import Decoder, DecoderConfig
from common.errors import InputError
from common.result import make_result
from common.sampling import GREEDY, Sampling
from common.search import Beam, decode
from common.tokenizer import Tokenizer

TEXTS = [
    "a dog runs in the snow and another dog runs in a New York",
    "a snowy doghouse in New York, the newest of all: new dogs!",
    "Dog DOG Dogs hot-dog d o g og do so schön, schöne Größe 😀",
]
STRATEGIES = [GREEDY, Sampling(seed=1, count=5), Sampling(3.0, seed=2, count=5), Beam(4, count=4)]
STRATEGIES += [Beam(4, count=2, diversity=1.0)]


def tokenizer_of(kind, texts=TEXTS):
    size = 330 if kind == "byte-pair" else None
    return Tokenizer.train(kind, texts, vocabulary_size=size, special_tokens=["<en>"])


@pytest.fixture(scope="module")
def pairs():
    """A tokenizer of byte pairs."""
    return tokenizer_of("byte-pair")


def write(tokenizer, constraints, strategy=GREEDY, *, length=12, likely=None):
    """Texts of a decoder without training, or that finds the tokens ``likely`` likely and all others not.

    Returns:
        For each text itself and its tokens, those that it starts from among them.
    """
    decoder = Decoder(DecoderConfig(len(tokenizer), 8, 12, layers=1)).eval().requires_grad_(False)
    if likely is not None:
        decoder.embedding.weight.zero_()
        decoder.bias[torch.tensor(likely)] = 12.0
    start = constraints.start(tokenizer)
    rules = constraints.rules(tokenizer, start, eos=Tokenizer.EOS, max_length=length)
    prompt = torch.tensor([[tokenizer.special("<en>"), *start.ids]])
    (hypotheses,) = decode(decoder, decoder.start_empty(1), prompt, strategy, rules)
    result = make_result(hypotheses, tokenizer, start.ids)
    texts = [each.text for each in (result, *result.alternatives)]
    return [(text, [*start.ids, *each.tokens]) for text, each in zip(texts, hypotheses, strict=True)]


# How it begins

PREFIXES = [
    "a",
    "a dog",
    "a do",
    "a sno",
    "A dog ",
    "a  ",
    "two\n",
    "a dog,",
    "hot-",
    "it's",
    "schö",
    "Größe",
]
PREFIXES += ["Γειά", "日本", "😀", "e\u0301", " a", " ", "a very unusual prefix!"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_text_begins_with_the_prefix(pairs, prefix, strategy):
    found = write(pairs, Constraints(prefix=prefix), strategy, length=40)
    assert [text for text, _ in found if not text.startswith(prefix)] == []
    assert len(found) == strategy.count
    assert any(len(text) > len(prefix) for text, _ in found)


@pytest.mark.parametrize("kind", ["character", "word"])
@pytest.mark.parametrize(
    "prefix", ["a", "a dog", "a do", "a ", "a dog runs in New York, the ", "a dog runs in th"]
)
def test_every_text_of_other_tokens_begins_with_the_prefix(kind, prefix):
    for strategy in STRATEGIES:
        found = write(tokenizer_of(kind), Constraints(prefix=prefix), strategy, length=40)
        assert [text for text, _ in found if not text.startswith(prefix)] == []


@pytest.mark.parametrize("prefix", ["a s", "a sn", "a sno", "a snow", "a "])
def test_a_word_that_has_begun_becomes_the_token_that_it_is(prefix):
    """What comes of "sno" alone is other tokens, after which the model would not write "w"."""
    text = "a now now now now snow snow snow"
    tokenizer = Tokenizer.train("byte-pair", [text], vocabulary_size=267, special_tokens=["<en>"])
    (snow,) = tokenizer.encode("snow")
    assert tokenizer.pieces(tokenizer.encode("a sno")) == [" a", " ", "s", "no"]
    found = write(tokenizer, Constraints(prefix=prefix), likely=[snow, Tokenizer.EOS])
    assert found[0][0].startswith("a snow")
    assert snow in found[0][1]


@pytest.mark.parametrize(
    ("kind", "prefix", "message"),
    [
        ("character", "a Ω", "cannot write 'Ω' of the prefix; leave it out"),
        ("character", "Ω a", "cannot write 'Ω' of the prefix"),
        ("word", "a zebra", "cannot write 'zebra' of the prefix"),
        ("word", "zebra dog", "cannot write 'zebra' of the prefix"),
    ],
)
def test_a_prefix_of_what_the_model_lacks(kind, prefix, message):
    with pytest.raises(InputError, match=message):
        Constraints(prefix=prefix).start(tokenizer_of(kind))


def test_a_prefix_that_leaves_no_room(pairs):
    with pytest.raises(InputError, match=r"the prefix 'a dog runs.* is longer than the text may be; shorten"):
        write(pairs, Constraints(prefix="a dog runs in the snow and another"), length=5)


# What is not in it


def spell(tokens, spellings):
    return b"".join(spellings[token] for token in tokens)


BITS = [b"", *(bytes([each]) for each in b"dogs DOG-_'\n")]
BITS += [
    b" dog",
    b"dog",
    b"do",
    b"og",
    b"dogs",
    b"o g",
    b"dog.",
    b"a dog b",
    b"hot-dog",
    b" ",
    b"  ",
    b" so",
    b"o s",
]
BITS += [b"\xc3", b"\xb6", b"\x96", "ö".encode(), "Dö".encode(), "ßo".encode(), b"ss", b"\xe2\x80", b"\x9e"]


@pytest.mark.parametrize(
    "words",
    [["dog"], ["d"], ["dög"], ["dog", "go"], ["do so"], ["-"], ["oß"], ["dog-"], ["ö"], ["d  g", "s"]],
)
def test_banned_are_the_tokens_that_complete_a_word(words):
    """Against a search through the whole text with and without each token."""
    random, banned, hits = Random(1), BannedWords(words, BITS), 0
    patterns = []
    for word in (re.sub(r"\s+", " ", word.casefold()) for word in words):
        before, after = r"(?<!\w)" * word[0].isalnum(), r"(?!\w)" * word[-1].isalnum()
        patterns.append(re.compile(before + re.escape(word) + after))
    for _ in range(150):
        tokens = [random.randrange(1, len(BITS)) for _ in range(random.randrange(7))]
        before = spell(tokens, BITS)
        whole = before.decode("utf-8", "surrogateescape")
        # Bytes of a character that goes on are no text yet.
        while (
            whole and "\udc80" <= whole[-1] <= "\udcff" and not before.endswith((b"\xb6", b"\x96", b"\x9e"))
        ):
            whole = whole[:-1]
        settled = len(re.sub(r"\s+", " ", whole.casefold()))
        expected = set()
        for token in range(1, len(BITS)):
            text = (before + BITS[token]).decode("utf-8", "surrogateescape").casefold()
            text = re.sub(r"\s+", " ", text)
            ends = [found.end() for pattern in patterns for found in pattern.finditer(text)]
            if any(end > settled for end in ends):
                expected.add(token)
        assert banned(tokens) == expected, spell(tokens, BITS)
        hits += len(expected)
    assert hits


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("a dog runs", "dog", True),
        ("a DOG.", "dog", True),
        ("hot-dog", "Dog", True),
        ("„dog“", "dog", True),
        ("dogs", "dog", False),
        ("bulldog", "dog", False),
        ("bulldog dog", "dog", True),
        ("dog_2", "dog", False),
        ("in new\n York", "New York", True),
        ("in New Yorker", "New York", False),
        ("STRASSE", "Straße", True),
        ("wow!!", "!", True),
        ("", "dog", False),
    ],
)
def test_what_is_in_a_text_as_a_word(text, word, expected):
    assert holds(text, word) == expected


@dataclass(frozen=True)
class Written:
    """What each row has written."""

    texts: tuple[bytes, ...]

    def select(self, rows):
        return Written(tuple(self.texts[row] for row in rows.tolist()))

    def widen(self, width):
        return self.select(torch.arange(len(self.texts)).repeat_interleave(width))


class Obsessed:
    """A model that writes one word over and over, in all ways to put it together from tokens."""

    def __init__(self, tokenizer, word):
        self.spellings, self.word = _spellings(tokenizer), f" {word}".lower().encode()
        self.by_spelling = {}
        for token, spelling in enumerate(self.spellings):
            self.by_spelling.setdefault(spelling.lower(), []).append(token)

    def __call__(self, tokens, state):
        rows = zip(state.texts, tokens.tolist(), strict=True)
        state = Written(tuple(text + spell(row, self.spellings) for text, row in rows))
        logits = torch.full((len(tokens), len(self.spellings)), -12.0)
        logits[:, Tokenizer.EOS] = -3.0
        for row, text in enumerate(state.texts):
            for token, reached in self.ways_on(text.lower()):
                logits[row, token] = 8 * reached / len(self.word)
        return logits.unsqueeze(1).expand(-1, tokens.size(1), -1), state

    def ways_on(self, text):
        """The tokens with which more of the word stands at the end, and how much; those that end it last."""
        twice, size = 2 * self.word, len(self.word)
        begun = {length for length in range(size) if text.endswith(self.word[:length])} | {int(not text)}
        ends = sorted((end, length) for length in begun for end in range(length + 1, length + size + 1))
        for end, length in ends:
            for token in self.by_spelling.get(twice[length:end], ()):
                yield token, min(end, size)


@pytest.mark.parametrize("kind", ["byte-pair", "character", "word"])
@pytest.mark.parametrize("word", ["dog", "New York", "schön", "!", "a"])
def test_banned_words_are_never_written(kind, word):
    """Not in any capitals, and not at the end of a text that the length limit cuts off."""
    tokenizer = tokenizer_of(kind)
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)" if word != "!" else "!", re.IGNORECASE)
    strategies = [GREEDY, Sampling(seed=3, count=60), Sampling(3.0, seed=4, count=30), Beam(8, count=8)]
    found = {True: [], False: []}
    for constraints in (Constraints(), Constraints(ban=("zebra", word))):
        start = constraints.start(tokenizer)
        rules = constraints.rules(tokenizer, start, eos=Tokenizer.EOS, max_length=14)
        for strategy in strategies:
            prompt = torch.tensor([[tokenizer.special("<en>")]])
            step, state = Obsessed(tokenizer, word), Written((b"",))
            (hypotheses,) = decode(step, state, prompt, strategy, rules)
            texts = [tokenizer.decode(hypothesis.tokens) for hypothesis in hypotheses]
            found[bool(constraints.ban)] += [text for text in texts if pattern.search(text)]
    assert len(found[False]) > 10
    assert found[True] == []


def test_other_words_that_have_the_banned_one_in_them_are_written(pairs):
    tokens = pairs.encode("snowy newest")
    found = write(pairs, Constraints(ban=("snow", "new")), Sampling(seed=1, count=20), likely=tokens)
    (snowy,) = pairs.encode("snowy")
    assert any(snowy in written for _, written in found)


def test_a_ban_looks_back_into_the_prefix(pairs):
    york = pairs.encode("York")
    strategy = Sampling(seed=1, count=20)
    free = write(pairs, Constraints(prefix="in New "), strategy, likely=york)
    assert all(text.startswith("in New York") for text, _ in free)
    kept = write(pairs, Constraints(prefix="in New ", ban=("new york",)), strategy, likely=york)
    assert not any("New York" in text for text, _ in kept)


def test_a_word_that_no_token_writes_may_be_banned():
    tokenizer = tokenizer_of("character")
    assert write(tokenizer, Constraints(ban=("Ω", "日本"))) != []


def test_long_words_and_many_tokens_take_no_time():
    random = Random(1)
    pieces = [bytes([each]) for each in range(256)]
    pieces += ["".join(random.choices("abn ", k=random.randrange(2, 9))).encode() for _ in range(15_000)]
    start = process_time()
    banned = BannedWords(["ban" * 20], pieces)
    written = [256 + number for number in range(40)]
    for length in range(40):
        banned([*written[:length], *b"ban" * 19])
    assert process_time() - start < 1.0  # of which most is reading the tokens
    start = process_time()
    for _ in range(100):
        banned([*written, *b"ban" * 19])
    assert process_time() - start < 0.1


# How long it is, and what comes twice


@pytest.mark.parametrize("prefix", ["", "a dog and "])
@pytest.mark.parametrize(("least", "most"), [(1, 5), (8, 8), (6, 20)])
def test_lengths_are_those_of_the_whole_text(pairs, prefix, least, most):
    constraints = Constraints(prefix=prefix, min_length=least, max_length=most)
    likely = [Tokenizer.EOS, *pairs.encode("a dog runs in the snow")]
    found = write(pairs, constraints, Sampling(seed=1, count=50), likely=likely, length=30)
    lengths = {len(tokens) for _, tokens in found}
    start = len(constraints.start(pairs).ids)
    assert min(lengths) >= max(least, start)
    assert max(lengths) <= most
    assert len(lengths) > 1 or least == most


def test_the_model_writes_no_more_than_it_can(pairs):
    found = write(pairs, Constraints(max_length=100, min_length=100), length=7)
    assert [len(tokens) for _, tokens in found] == [7]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_comes_twice(pairs, strategy, size):
    prefix = "a dog and "
    constraints = Constraints(prefix=prefix, no_repeat_ngram=size)
    likely = pairs.encode("a dog and in")
    for _, tokens in write(pairs, constraints, strategy, likely=likely, length=20):
        grams = [tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]
        assert len(set(grams)) == len(grams)


def test_a_penalty_makes_repetition_rarer(pairs):
    likely = pairs.encode("a dog and in the")

    def repeated(penalty):
        constraints = Constraints(repetition_penalty=penalty)
        found = write(pairs, constraints, Sampling(seed=1, count=30), likely=likely)
        return sum(len(tokens) - len(set(tokens)) for _, tokens in found)

    assert repeated(3.0) < repeated(1.5) < repeated(1.0) < repeated(0.5)


# Bad values


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ban": ("",)}, "ban must not be an empty word"),
        ({"ban": ("dog", " \n")}, "ban must not be an empty word"),
        ({"prefix": "A Dog, ", "ban": ("dog",)}, "prefix must not have the banned word 'dog' in it"),
        (
            {"prefix": "in new  york", "ban": (" New York",)},
            "prefix must not have the banned word 'New York'",
        ),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be 0 or more, got -1"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be from 0.01 to 100, got 0.0"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty must be from 0.01 to 100, got nan"),
        ({"min_length": -1}, "min_length must be 0 or more, got -1"),
        ({"max_length": 0}, "max_length must be at least 1, got 0"),
        ({"min_length": 9, "max_length": 8}, "max_length must be at least 9, got 8"),
    ],
)
def test_bad_values(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Constraints(**settings)


def test_a_prefix_may_have_longer_words_than_the_banned_one():
    Constraints(prefix="dogs and a bulldog", ban=("dog",))
