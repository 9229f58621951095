"""Text to token ids and back: by character, by word or by byte pairs, kept in one JSON file."""

import json
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, islice
from pathlib import Path

import tokenizers
from tokenizers import pre_tokenizers

from common.errors import InputError
from common.tokenizer_kinds import (
    BASIC_TOKENS,
    BOS,
    BYTES,
    EOS,
    PAD,
    UNK,
    Kind,
    check_settings,
    kind_of,
    trainer,
    untrained,
)

# Older versions (0.21 is one) warn on stderr when a process forks after threads ran; one is fast enough.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Texts at a time: what the library returns is a hundred times as large as the ids.
_BLOCK = 10_000


class Tokenizer:
    """Turns text into token ids and back.

    Ids 0 to 3 are always padding, beginning, end and unknown; further special
    tokens such as ``<en>`` follow from 4. Encoding never yields a special token
    other than unknown: ``<eos>`` typed by a user is five ordinary characters.
    A text that the vocabulary covers comes back from ``decode`` unchanged.

    Byte pairs: Sennrich et al., 2016, arXiv:1508.07909, over bytes as in GPT-2.
    """

    PAD, BOS, EOS, UNK = PAD, BOS, EOS, UNK

    def __init__(self, inner: tokenizers.Tokenizer, kind: Kind) -> None:
        """Wrap a ``tokenizers.Tokenizer`` whose ids 0 to 3 are ours; use ``train`` or ``load`` instead."""
        inner.encode_special_tokens = True  # not part of the library's file
        self._inner = inner
        added = sorted(inner.get_added_tokens_decoder().items())
        self._special = {str(token.content): id_ for id_, token in added}
        self.kind: Kind = kind
        self._names: dict[int, str] = {}  # of those ids that have been asked for

    @classmethod
    def train(
        cls,
        kind: Kind,
        texts: Iterable[str],
        *,
        vocabulary_size: int | None = None,
        minimum_count: int = 1,
        special_tokens: Sequence[str] = (),
    ) -> "Tokenizer":
        """Build a vocabulary from texts; the same texts give the same vocabulary.

        Args:
            kind: What a token is.
            texts: Training texts only; for two languages, the texts of both.
            vocabulary_size: Most tokens to keep, special ones included; None keeps all that occur.
                Byte pairs need it, and at least 256 above the number of special tokens.
            minimum_count: Rarer tokens (byte pairs: merges) are left out.
            special_tokens: Names such as ``<en>``, which get the ids 4, 5, ...

        Raises:
            InputError: A setting is wrong, or no token is left.
        """
        special = [*BASIC_TOKENS, *special_tokens]
        check_settings(kind, vocabulary_size, minimum_count, special)
        inner = untrained(kind)
        inner.train_from_iterator(iter(texts), trainer(kind, vocabulary_size, minimum_count, special))
        if kind != "byte-pair" and inner.get_vocab_size() == len(special):
            raise InputError(f"no {kind} comes often enough (minimum_count {minimum_count}); give more text")
        return cls(inner, kind)

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read what ``save`` wrote. Raises InputError for a file that is missing, damaged or not ours."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; name a model directory that has it") from None
        except UnicodeDecodeError:
            text = ""  # damaged
        try:
            kind = kind_of(json.loads(text))
            inner = tokenizers.Tokenizer.from_str(text)
            damaged = [inner.id_to_token(id_) for id_ in range(len(BASIC_TOKENS))] != list(BASIC_TOKENS)
        # The library raises a bare Exception for each kind of damage.
        except Exception:
            damaged = True
        if damaged:
            raise InputError(f"{path}: damaged or not a tokenizer of this program; restore or train it again")
        return cls(inner, kind)

    def save(self, path: str | Path) -> None:
        """Write one JSON file, in the ``tokenizers`` library's own format."""
        Path(path).write_text(self._inner.to_str(pretty=True) + "\n", encoding="utf-8", newline="\n")

    def __len__(self) -> int:
        """Number of ids, special tokens included."""
        return self.vocabulary_size

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, special tokens included."""
        return int(self._inner.get_vocab_size())

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """All special tokens in the order of their ids, ``<pad>`` first."""
        return tuple(self._special)

    def special(self, token: str) -> int:
        """Id of a special token. Raises InputError, with those that exist, if there is none."""
        if token not in self._special:
            raise InputError(f"no special token {token!r}; there are {', '.join(self._special)}")
        return self._special[token]

    def encode(self, text: str) -> list[int]:
        """Ids of one text, without beginning or end token."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without beginning or end token. Raises InputError for invalid Unicode."""
        return _encode(self._inner, texts)

    def encode_parts(self, texts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Ids of texts in parts, as :meth:`encode_batch` gives them, but no token goes across parts.

        Args:
            texts: The parts of each; the first is empty only if the whole text is.

        Raises:
            InputError: A part is invalid Unicode.
        """
        inner = tokenizers.Tokenizer.from_str(self._inner.to_str())
        inner.encode_special_tokens = True
        space = " " if inner.normalizer else ""
        # The space in front is for the first parts alone.
        inner.normalizer = None
        firsts = [space + first if first else "" for first, *_ in texts]
        parts = [part for first, text in zip(firsts, texts, strict=True) for part in (first, *text[1:])]
        ids = iter(_encode(inner, parts))
        return [[*chain.from_iterable(islice(ids, len(text)))] for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens, unknown among them, leave nothing."""
        return str(self._inner.decode(ids))

    def decode_batch(self, batch: Sequence[Sequence[int]]) -> list[str]:
        """Text of each sequence of ids, as ``decode`` gives it."""
        return list(self._inner.decode_batch(batch))

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """A readable piece of text for each id, to set beside attention or probabilities.

        Special tokens keep their names, and a byte that is no whole character
        reads ``<0xF0>``. Joined, the pieces of other text are that text (byte pairs: after a space).
        """
        names = self._names
        for id_ in ids:
            if id_ not in names:
                token = str(self._inner.id_to_token(id_))
                is_readable = self.kind != "byte-pair" or token in self._special
                names[id_] = token if is_readable else _readable(token)
        return [names[id_] for id_ in ids]

    def spans(self, text: str) -> list[tuple[int, tuple[int, int]]]:
        """Ids of one text as ``encode`` gives them, each with where it begins and ends in it."""
        (encoding,) = self._inner.encode_batch(_checked([text]))
        return list(zip(encoding.ids, encoding.offsets, strict=True))

    def unknown(self, text: str) -> list[str]:
        """Distinct parts of the text that the vocabulary lacks, in order; none ever for byte pairs."""
        parts = (text[start:end] for id_, (start, end) in self.spans(text) if id_ == UNK)
        return list(dict.fromkeys(part.strip() or part for part in parts))


def _encode(inner: tokenizers.Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = []
    for start in range(0, len(texts), _BLOCK):
        encodings = inner.encode_batch_fast(_checked(texts[start : start + _BLOCK]))
        ids += [encoding.ids for encoding in encodings]
    return ids


def _checked(texts: Sequence[str]) -> Sequence[str]:
    """Give the texts back if all are valid Unicode, else raise InputError."""
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            shown = ascii(text[max(0, error.start - 20) : error.start + 20])
            raise InputError(f"text must be UTF-8, got {shown}; convert it to UTF-8") from None
    return texts


@cache
def _byte_of_symbol() -> dict[str, int]:
    """The byte that each symbol of the byte-level alphabet stands for.

    Symbols below code point 256 stand for themselves, those above for the other bytes in order.
    """
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    same = [ord(symbol) for symbol in symbols if ord(symbol) < BYTES]
    return dict(zip(symbols, [*same, *sorted(set(range(BYTES)) - set(same))], strict=True))


def _readable(token: str) -> str:
    """Text of a byte-level token; bytes that are no whole character read ``<0xF0>``."""
    byte_of = _byte_of_symbol()
    text = bytes(byte_of[symbol] for symbol in token).decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda match: f"<0x{ord(match[0]) - 0xDC00:02X}>", text)
