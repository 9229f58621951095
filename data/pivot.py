"""Sentence pairs of two languages by way of a third, which both have translations into."""

from collections.abc import Iterable

from data.records import SentencePair


def pivot(first: Iterable[SentencePair], second: Iterable[SentencePair]) -> list[SentencePair]:
    """The sources of ``first`` with those targets of ``second`` that translate the same sentence.

    A target of ``first`` and a source of ``second`` are the same if every character is. Each pair
    comes once, in the order of ``second``.
    """
    sources: dict[str, dict[str, str]] = {}
    for pair in first:
        sources.setdefault(pair.target, {})[pair.source] = pair.source_language
    joined = (
        SentencePair(source, pair.target, language, pair.target_language)
        for pair in second
        for source, language in sources.get(pair.source, {}).items()
    )
    return list(dict.fromkeys(joined))
