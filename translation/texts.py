"""Translating texts as people have them: sentences are cut out, translated, and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import count, islice, zip_longest

from common.errors import InputError
from common.result import Result
from translation.careful import Sentence, readable, translate_prepared
from translation.decoding import Decoding
from translation.detection import detect
from translation.dictionary import BRACES
from translation.given_names import GIVEN_NAMES
from translation.languages import AUTO
from translation.network import TranslationNetwork
from translation.placeholders import PLACEHOLDERS
from translation.preparation import Knowledge, Prepared, prepare
from translation.seen import is_seen
from translation.sentences import cut_sentence, split_text

WINDOW = 512
"""Texts of an iterator that are translated together."""

_LONGEST = 80
"""Tokens that the model is given at once: it was trained on sentences, and attention strays in long ones."""


def in_windows(
    texts: Iterator[str], work: Callable[[Sequence[str], Sequence[int]], list[Result]]
) -> Iterator[Result]:
    """The results of as many texts as come, ``WINDOW`` at a time; ``work`` takes them and their numbers."""
    for start in count(step=WINDOW):
        window = list(islice(texts, WINDOW))
        if not window:
            return
        yield from work(window, range(start, start + len(window)))


def translate_texts(
    network: TranslationNetwork,
    source: str,
    target: str,
    how: Decoding,
    texts: Sequence[str],
    items: Sequence[int],
) -> list[Result]:
    """Translate texts, each with its number in ``items``; see ``Translator.translate``."""
    split = split_texts(network, source, target, texts, items)
    sentences = [piece for _, pieces in split for piece in pieces if isinstance(piece, Sentence)]
    results = map(_finish, translate_prepared(network, sentences, target, how), sentences)
    return [
        replace(
            _join([next(results) if isinstance(piece, Sentence) else Result(piece) for piece in pieces]),
            language=language if source == AUTO else "",
        )
        for language, pieces in split
    ]


def split_texts(
    network: TranslationNetwork, source: str, target: str, texts: Sequence[str], items: Sequence[int]
) -> list[tuple[str, list[str | Sentence]]]:
    """The language of each text and its pieces: sentences, and between them what stays as it is.

    If the language has to be found out, and is the one to translate into or none, nothing changes.

    Raises:
        InputError: A text is not valid Unicode.
    """
    check_unicode(texts)
    languages = languages_read(network, source, texts)
    return [
        (language, [text])
        if source == AUTO and language in (target, "")
        else (language, _pieces(network, text, (language, target), item))
        for text, language, item in zip(texts, languages, items, strict=True)
    ]


def languages_read(network: TranslationNetwork, source: str, texts: Sequence[str]) -> list[str]:
    """The language of each text: ``source``, or what it seems to be if that is ``"auto"``."""
    if source != AUTO:
        return [source] * len(texts)
    return [found.language for found in detect(network, texts, alike=True)]


def check_unicode(texts: Iterable[str]) -> None:
    """Raise InputError for a text with half a character, as in a name or an argument that is no UTF-8."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            shown = ascii(text[max(0, error.start - 20) : error.start + 20])
            raise InputError(f"text must be UTF-8, got {shown}; convert it to UTF-8") from None


def _knowledge(network: TranslationNetwork, text: str, language: str, target: str) -> Knowledge:
    """What a model knows of a language that it translates a text from."""
    # Those of the text where none are recorded: nothing is unknown then.
    characters = frozenset(network.config.characters or text).difference(BRACES if network.dictionary else ())
    rare = network.dictionary.of(language, target)

    def knows(word: str) -> bool:
        # What stays as it is in translations is better carried over.
        has_translation = rare.get(word.lower(), word).lower() != word.lower()
        return has_translation or is_seen(word, language, network.words)

    def rarity(word: str) -> tuple[int, list[int]]:
        # What comes more often is fewer byte pairs, and those that were joined earlier.
        ids = network.tokenizer.encode(word)
        return len(ids), ids

    def usual(word: str) -> str:
        return min(word, word.capitalize(), key=rarity)

    def is_name(word: str) -> bool:
        # A model has half forgotten a rare word, and would misspell one that stays as it is.
        stays = len(word) > 1 and word[0].isupper() and rare.get(word.lower()) == word
        return stays or word in network.names or (word in GIVEN_NAMES and not knows(word))

    return Knowledge(knows, is_name, usual, characters)


def _pieces(
    network: TranslationNetwork, text: str, direction: tuple[str, str], item: int
) -> list[str | Sentence]:
    """The pieces of a text, sentences prepared for the model and cut to a length that suits it."""
    model = _knowledge(network, text, *direction)
    most = min(_LONGEST, network.config.maximum_length - 1)

    @cache  # what fits is read twice
    def read(sentence: str) -> Prepared:
        marked, translations = network.glossary.marked(sentence)
        prepared = prepare(marked, model)
        carried = tuple(each.translate(translations) for each in prepared.carried)
        return replace(prepared, text=network.as_read(prepared.text, *direction), carried=carried)

    def fits(sentence: str) -> bool:
        text, carried = read(sentence).text, read(sentence).carried
        # No token has less than a byte, the space before the first among them: short ones need no counting.
        is_short = len(text.encode()) < most or len(network.tokenizer.encode(text)) <= most
        # With all placeholders in use there may be more to carry over.
        return is_short and len(carried) < len(PLACEHOLDERS)

    pieces: list[str | Sentence] = []
    sentences = 0
    for piece in split_text(text, direction[0]):
        is_long = piece.is_sentence and not fits(piece.text)
        for cut in cut_sentence(piece.text, fits) if is_long else [piece]:
            if cut.is_sentence and read(cut.text).has_words:
                pieces.append(
                    Sentence(read(cut.text), direction[0], item + (sentences << 32), is_first=not sentences)
                )
                sentences += 1
            elif cut.is_sentence:
                pieces.append(network.glossary.translated(cut.text))
            else:
                pieces.append(cut.text)
    return pieces


def _finish(result: Result, sentence: Sentence) -> Result:
    """The result with what was carried over put back."""
    every = [
        replace(
            each,
            text=sentence.prepared.finish(readable(each.text)),
            tokens=sentence.shown(each.tokens),
            alternatives=(),
        )
        for each in (result, *result.alternatives)
    ]
    return replace(every[0], alternatives=tuple(every[1:]))


def _join(results: Sequence[Result]) -> Result:
    """The result of a whole text: its alternatives are made of the first, the second... of its sentences."""
    rows = zip_longest(*([result, *result.alternatives] for result in results))
    wholes = []
    for row in rows:
        # A sentence that has no more alternatives stays at its best.
        chosen = [other or result for other, result in zip(row, results, strict=True)]
        wholes.append(
            Result(
                "".join(each.text for each in chosen),
                sum(each.score for each in chosen),
                tuple(token for each in chosen for token in each.tokens),
                tuple(value for each in chosen for value in each.log_probabilities),
                ids=tuple(token for each in chosen for token in each.ids),
            )
        )
    return replace(wholes[0], alternatives=tuple(wholes[1:])) if wholes else Result("")
