"""What a person may ask of a text, in words: how it begins, what is not in it, how long it is."""

import re
from dataclasses import dataclass, field

from common.banned_words import BannedWords, holds
from common.errors import InputError
from common.rules import Banned, Rules
from common.tokenizer import Tokenizer


@dataclass(frozen=True)
class Constraints:
    """What a result must be like.

    Attributes:
        prefix: It begins so. A last word that is not followed by a space may go on.
        ban: Words, or several in a row, that are not in it, however they are capitalised; see
            :class:`~common.banned_words.BannedWords`.
        no_repeat_ngram: No so many tokens in a row come twice; 0 allows all.
        repetition_penalty: Above 1 makes tokens that have come before rarer.
        min_length: Fewest tokens.
        max_length: Most tokens, the end-of-sentence counted; None leaves it to the model.

    Raises:
        ValueError: A value is out of its range, or they contradict each other.
    """

    prefix: str = ""
    ban: tuple[str, ...] = ()
    no_repeat_ngram: int = 0
    repetition_penalty: float = 1.0
    min_length: int = 1
    max_length: int | None = None

    def __post_init__(self) -> None:
        if not all(word.strip() for word in self.ban):
            raise ValueError("ban must not be an empty word")
        for word in self.ban:
            if holds(self.prefix, word.strip()):
                raise ValueError(f"prefix must not have the banned word {word.strip()!r} in it")
        # The rules check these three.
        Rules(None, 1, self.min_length, (), None, self.no_repeat_ngram, self.repetition_penalty)
        least = max(1, self.min_length)
        if self.max_length is not None and self.max_length < least:
            raise ValueError(f"max_length must be at least {least}, got {self.max_length}")

    def start(self, tokenizer: Tokenizer) -> "Start":
        """The prefix and the banned words in tokens.

        Raises:
            InputError: The model cannot write the prefix.
        """
        if not (self.prefix or self.ban):
            return Start()
        spellings = _spellings(tokenizer)
        banned = BannedWords(self.ban, spellings) if self.ban else None
        ids = tokenizer.encode(self.prefix)
        whole = (" " * (tokenizer.kind == "byte-pair") + self.prefix).encode()
        # The model writes words whole: "sno", now "s" and "no", is to become "snow", which is one token.
        spaces = [place for place, id_ in enumerate(ids) if spellings[id_][:1].isspace()]
        for place in range(spaces[-1] if spaces else 0, len(ids)):
            kept = ids[:place]
            rest = whole[sum(len(spellings[id_]) for id_ in kept) :]
            longer = tuple(id_ for id_, spelling in enumerate(spellings) if spelling.startswith(rest))
            if longer and Tokenizer.UNK not in kept:
                return Start(tuple(kept), longer, banned)
        if ids:
            unknown = ", ".join(map(repr, tokenizer.unknown(self.prefix)))
            raise InputError(f"the model cannot write {unknown} of the prefix; leave it out")
        return Start(banned=banned)

    def rules(self, tokenizer: Tokenizer, start: "Start", *, eos: int | None, max_length: int) -> Rules:
        """The rules for what comes after ``start``; the model itself writes ``max_length`` tokens at most.

        Raises:
            InputError: The prefix leaves no room.
        """
        most = min(self.max_length or max_length, max_length) - len(start.ids)
        if start.ids and most < 1:
            raise InputError(f"the prefix {self.prefix[:40]!r} is longer than the text may be; shorten it")
        return Rules(
            eos,
            most,
            max(0, self.min_length - len(start.ids)),
            tuple(id_ for id_ in map(tokenizer.special, tokenizer.special_tokens) if id_ != eos),
            start.banned,
            self.no_repeat_ngram,
            self.repetition_penalty,
            start.first,
            start.ids,
        )


@dataclass(frozen=True)
class Start:
    """Constraints in the tokens of a model, which every result starts from.

    Attributes:
        ids: The tokens that it begins with.
        first: Those of which one comes next, if there are any: what is left of the prefix, and
            all that go on from there.
        banned: Tells which tokens would complete a banned word.
    """

    ids: tuple[int, ...] = ()
    first: tuple[int, ...] = field(default=(), repr=False)
    banned: Banned | None = field(default=None, repr=False)


def _spellings(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of each token, none of special ones."""
    special = {tokenizer.special(token) for token in tokenizer.special_tokens}
    pieces = tokenizer.pieces(range(len(tokenizer)))
    return [b"" if id_ in special else _bytes(piece) for id_, piece in enumerate(pieces)]


def _bytes(piece: str) -> bytes:
    """The bytes of a token, from its readable form; no token has the characters ``<0xF0>`` themselves."""
    half = re.sub("<0x([0-9A-F]{2})>", lambda match: chr(0xDC00 + int(match[1], 16)), piece)
    return half.encode("utf-8", "surrogateescape")
