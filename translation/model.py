"""The translator: texts in, translations out."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import overload

from common.constraints import Constraints
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam, Strategy
from translation.decoding import Decoding, decode_sentences
from translation.detection import Detection, detect
from translation.network import TranslationNetwork
from translation.streaming import stream_text
from translation.texts import in_windows, translate_texts

USUAL = Beam(5, length_penalty=0.8)
"""How to translate unless told otherwise; the penalty is the best on Multi30k's validation set."""


class Translator(TranslationNetwork):
    """Translates between the languages it was trained on: texts of any length, as people write them."""

    @overload  # a str is a sequence of str too, but then comes first
    def translate(  # type: ignore[overload-overlap]
        self,
        text: str,
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
    ) -> Result: ...
    @overload
    def translate(
        self,
        text: Sequence[str],
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
        items: Sequence[int] | None = ...,
    ) -> list[Result]: ...
    @overload
    def translate(
        self,
        text: Iterator[str],
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
    ) -> Iterator[Result]: ...

    def translate(
        self,
        text: str | Sequence[str] | Iterator[str],
        source: str,
        target: str,
        strategy: Strategy = USUAL,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        *,
        coverage_penalty: float = 0.0,
        items: Sequence[int] | None = None,
    ) -> Result | list[Result] | Iterator[Result]:
        """Translate a text, a list of texts, or as many as an iterator gives, some at a time.

        Of each text the sentences are translated, and what is between them stays. Results come
        in order and do not depend on the batching. Several threads may share a translator.

        Args:
            text: What to translate.
            source: Its language, such as ``"de"``; ``"auto"`` to have it found out for each text,
                a short one in the light of the others.
            target: The language to write.
            strategy: :class:`~common.search.Beam` or :class:`~common.sampling.Sampling`.
            constraints: What the translation of each sentence must be like, and the prefix of each text.
            coverage_penalty: How much a beam's hypotheses lose for passing over parts of the source.
            items: The number of each text in a longer list: sampling depends on it.

        Raises:
            InputError: The model does not know the direction, a text is not valid Unicode, or the
                constraints cannot be met.
            ValueError: A coverage penalty is given without a plain beam.
        """
        self.check_direction(source, target)
        how = Decoding(strategy, constraints, coverage_penalty)
        work = partial(translate_texts, self, source, target, how)
        if isinstance(text, str):
            return work([text], [0])[0]
        if isinstance(text, Iterator):
            return in_windows(text, work)
        return work(text, range(len(text)) if items is None else items)

    def stream(
        self,
        text: str,
        source: str,
        target: str,
        sampling: Sampling = GREEDY,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
    ) -> Iterator[str]:
        """Translate a text and give the translation piece by piece, as it is written.

        Joined, the pieces are what :meth:`translate` gives for the first sample, but that what
        has been given cannot be taken back: greedy translations that go round in circles stay.

        Raises:
            InputError: As :meth:`translate`.
        """
        self.check_direction(source, target)
        return stream_text(self, text, source, target, sampling, constraints)

    def translate_sentences(
        self,
        sentences: Sequence[str],
        target: str,
        strategy: Strategy,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        *,
        items: Sequence[int],
    ) -> list[Result]:
        """Translate sentences as they are, each with its number in ``items``; none may be empty.

        Raises:
            InputError: A sentence is too long, or the constraints cannot be met.
        """
        return decode_sentences(self, sentences, target, strategy, constraints, items)

    def detect(self, texts: Sequence[str], *, alike: bool = False) -> list[Detection]:
        """The language of each text; see :func:`translation.detection.detect`."""
        return detect(self, texts, alike=alike)
