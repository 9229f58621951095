"""What a token is, by kind: how the library is told to find and to learn them."""

import re
from typing import Any, Literal, get_args

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

from common.errors import InputError

Kind = Literal["character", "word", "byte-pair"]

PAD, BOS, EOS, UNK = 0, 1, 2, 3
BASIC_TOKENS = ("<pad>", "<bos>", "<eos>", "<unk>")

# One code point, newline included (the regular expressions are Oniguruma's: (?m) lets "." match a newline).
CHARACTER = r"(?m:.)"
# A word or a run of punctuation with the one space before it, a newline, or other white space. The parts
# cover the whole text, so that putting them together again restores it (as in GPT-2, Radford et al., 2019).
WORD = r"\n| ?\w+(?:['’]\w+)*| ?[^\w\s]+|[^\S\n]+(?!\S)|[^\S\n]+"
# A letter or digit inside makes sure that no kind cuts such a token out of ordinary text.
SPECIAL = re.compile(r"<[A-Za-z0-9][A-Za-z0-9_-]*>")
# All bytes are tokens, so that the byte-pair kind knows every text.
BYTES = 256
UNLIMITED = 2**31  # more than any vocabulary holds


def check_settings(kind: str, vocabulary_size: int | None, minimum_count: int, special: list[str]) -> None:
    """Raise InputError for wrong settings."""
    if kind not in get_args(Kind):
        raise InputError(f"tokenizer kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    if minimum_count < 1:
        raise InputError(f"minimum_count must be at least 1, got {minimum_count}")
    if bad := [token for token in special if not SPECIAL.fullmatch(token) or special.count(token) > 1]:
        raise InputError(f"special tokens must be distinct and look like <en>, got {bad[0]!r}")
    least = len(special) + (BYTES if kind == "byte-pair" else 1)
    if vocabulary_size is None and kind == "byte-pair":
        raise InputError("byte pairs need a vocabulary_size, such as 8000")
    if vocabulary_size is not None and vocabulary_size < least:
        raise InputError(f"vocabulary_size of {kind} tokens must be at least {least}, got {vocabulary_size}")


def untrained(kind: Kind) -> tokenizers.Tokenizer:
    """A tokenizer of this kind without a vocabulary."""
    if kind == "byte-pair":
        inner = tokenizers.Tokenizer(models.BPE())
        # Always one space in front, so that a word has one form wherever it stands; decoding takes it off.
        inner.normalizer = normalizers.Prepend(" ")
        inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        inner.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
        return inner
    inner = tokenizers.Tokenizer(models.WordLevel(unk_token=BASIC_TOKENS[UNK]))
    pattern = CHARACTER if kind == "character" else WORD
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    inner.decoder = decoders.Fuse()
    return inner


def trainer(kind: Kind, size: int | None, minimum_count: int, special: list[str]) -> trainers.Trainer:
    """The library's trainer; ids go by frequency, then alphabet."""
    tokens = [AddedToken(token, special=True, normalized=False) for token in special]
    size = size or UNLIMITED
    if kind != "byte-pair":
        return trainers.WordLevelTrainer(
            vocab_size=size, min_frequency=minimum_count, show_progress=False, special_tokens=tokens
        )
    return trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=minimum_count,
        show_progress=False,
        special_tokens=tokens,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )


def kind_of(description: Any) -> Kind:
    """The kind of a tokenizer, from its JSON. Raises LookupError or TypeError if it is not ours."""
    if description["model"]["type"] == "BPE":
        return "byte-pair"
    kinds: dict[str, Kind] = {CHARACTER: "character", WORD: "word"}
    return kinds[description["pre_tokenizer"]["pattern"]["Regex"]]
