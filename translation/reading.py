"""Reading given translations: how probable they are, and what the decoder looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from common.reading import Reading, read_given
from common.tokenizer import Tokenizer
from translation.network import TranslationNetwork

_SHARED = 5
"""Translations of a source, at most, that share one reading of it: as many as a beam finds."""


@torch.inference_mode()
def read_translations(
    network: TranslationNetwork,
    sources: Sequence[str],
    translations: Sequence[str],
    target: str,
    *,
    keep_logits: bool = False,
) -> list[Reading]:
    """Read each translation and its end-of-sentence beside its source, sentences as they are.

    Args:
        network: Who reads.
        sources: Sentences.
        translations: A translation of each; the memory that they need grows with their lengths.
        target: The language of the translations.
        keep_logits: Keep the logits too: as many numbers for each token as there are tokens.

    Raises:
        InputError: A source is too long.
    """
    network = network.adapted(target)
    rows_of: dict[tuple[str, int], list[int]] = {}
    times = Counter[str]()
    for row, source in enumerate(sources):
        rows_of.setdefault((source, times[source] // _SHARED), []).append(row)
        times[source] += 1
    source_ids, several = network.source_ids([source for source, _ in rows_of]), list(rows_of.values())
    most = max(map(len, several), default=1)
    # However long: what a beam has written up to the limit has one token more with its end.
    target_ids = [[*ids, Tokenizer.EOS] for ids in network.tokenizer.encode_batch(translations)]
    tag = network.tokenizer.special(f"<{target}>")
    among, readings = network.vocabulary(target), dict[int, Reading]()
    for places, batch, lengths in network.batches(source_ids, 5 * most):
        state, _ = network.encode(batch, lengths)
        rows = [row for place in places for row in several[place]]
        if most > 1:
            counts = torch.tensor([len(several[place]) for place in places], device=network.device)
            state = state.select(torch.arange(len(places), device=network.device).repeat_interleave(counts))
        targets, firsts = [target_ids[row] for row in rows], [[tag]] * len(rows)
        read = read_given(network.decoder, state, firsts, targets, among=among, keep_logits=keep_logits)
        readings |= zip(rows, read, strict=True)
    return [readings[row] for row in range(len(sources))]
