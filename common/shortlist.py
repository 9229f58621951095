"""Decoding among some tokens alone: weighing all of them is most of what a step costs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from common.contract import Hypothesis
from common.decoder import Decoder, DecoderState
from common.rules import Rules
from common.sampling import Sampling
from common.search import Strategy, decode, stream


class Shortlist:
    """Some of a decoder's tokens, among which alone it chooses.

    The narrower decoder that this takes numbers them anew; callers need not know of it.
    """

    def __init__(self, decoder: Decoder, ids: Tensor | None) -> None:
        """Copy what belongs to the tokens, as it is now.

        Args:
            decoder: Whose tokens.
            ids: Which, int64 (n,), ascending, on the decoder's device: the end-of-sentence and what is in
                prompts among them. None is all, and copies nothing.
        """
        self._ids = ids
        self._known = range(decoder.config.vocabulary_size) if ids is None else ids.tolist()
        self._places = {id_: place for place, id_ in enumerate(self._known)}
        self.decoder = decoder if ids is None else decoder.narrowed(ids)

    def decode(
        self, state: DecoderState, prompt: Tensor, strategy: Strategy, rules: Rules, *, items: Sequence[int]
    ) -> list[list[Hypothesis]]:
        """See :func:`common.search.decode`."""
        found = decode(self.decoder.step, state, self._new(prompt), strategy, self._rules(rules), items=items)
        return [[replace(each, tokens=tuple(self._old(each.tokens))) for each in row] for row in found]

    def stream(
        self, state: DecoderState, prompt: Tensor, sampling: Sampling, rules: Rules, *, item: int
    ) -> Iterator[int]:
        """See :func:`common.search.stream`."""
        tokens = stream(self.decoder.step, state, self._new(prompt), sampling, self._rules(rules), item=item)
        return (self._known[place] for place in tokens)

    def _old(self, places: Iterable[int]) -> list[int]:
        return [self._known[place] for place in places]

    def _new(self, tokens: Tensor) -> Tensor:
        return tokens if self._ids is None else torch.searchsorted(self._ids, tokens.contiguous())

    def _rules(self, rules: Rules) -> Rules:
        """The rules in new numbers."""

        def places(ids: Iterable[int]) -> tuple[int, ...]:
            return tuple(self._places[id_] for id_ in ids if id_ in self._places)

        banned = rules.banned
        return replace(
            rules,
            eos=None if rules.eos is None else self._places[rules.eos],
            forbidden=places(rules.forbidden),
            banned=banned and (lambda tokens: places(banned(self._old(tokens)))),
            first=places(rules.first),
            prefix=places(rules.prefix),
        )
