"""Reading given translations: how probable they are, and what the decoder looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common.tokenizer import Tokenizer
from data.batches import pad

if TYPE_CHECKING:
    from translation.model import Translator


@dataclass(frozen=True)
class Reading:
    """A translation as the model reads it.

    Attributes:
        source_ids: The source and its end-of-sentence.
        target_ids: The translation and its end-of-sentence.
        log_probabilities: Natural log-probability of each of ``target_ids``, (target_length,).
        attention: Where the decoder looked for each, (target_length, source_length), each row
            summing to 1; None for a model without attention.
        logits: Of each place, (target_length, vocabulary_size), if they were asked for.
    """

    source_ids: list[int]
    target_ids: list[int]
    log_probabilities: Tensor
    attention: Tensor | None
    logits: Tensor | None


@torch.inference_mode()
def read_translations(
    translator: Translator,
    sources: Sequence[str],
    translations: Sequence[str],
    target: str,
    *,
    keep_logits: bool = False,
) -> list[Reading]:
    """Read each translation beside its source, sentences as they are.

    Args:
        translator: Who reads.
        sources: Sentences.
        translations: A translation of each; the memory that they need grows with their lengths.
        target: The language of the translations.
        keep_logits: Keep the logits too: as many numbers for each token as there are tokens.

    Raises:
        InputError: A source is too long.
    """
    source_ids = translator.source_ids(sources)
    # However long: what a beam has written up to the limit has one token more with its end.
    target_ids = [[*ids, Tokenizer.EOS] for ids in translator.tokenizer.encode_batch(translations)]
    tag = translator.tokenizer.special(f"<{target}>")
    readings: dict[int, Reading] = {}
    for places, batch, lengths in translator.batches(source_ids):
        targets = [target_ids[place] for place in places]
        tokens = torch.tensor(pad(targets, Tokenizer.PAD), device=translator.device)
        before = torch.cat([torch.full_like(tokens[:, :1], tag), tokens[:, :-1]], 1)
        state, _ = translator.encode(batch, lengths)
        features, _, attention = translator.decoder.read(before, state)
        for row, place in enumerate(places):
            read, wrote = len(source_ids[place]), len(target_ids[place])
            logits = translator.decoder.logits(features[row, :wrote]).float()
            chosen = torch.tensor(target_ids[place], device=translator.device).unsqueeze(1)
            readings[place] = Reading(
                source_ids[place],
                target_ids[place],
                logits.log_softmax(-1).gather(1, chosen).squeeze(1).cpu(),
                None if attention is None else attention[row, :wrote, :read].float().cpu(),
                logits.cpu() if keep_logits else None,
            )
    return [readings[place] for place in range(len(sources))]
