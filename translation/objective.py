"""What a translator learns from: the losses of batches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from common.loss import Loss, sequence_loss
from common.rewards import Task, reward_loss
from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BASIC_TOKENS
from translation.languages import language_features, parts
from translation.records import TranslationBatch
from translation.rewards import RewardBatch

if TYPE_CHECKING:
    from translation.network import TranslationNetwork


def translation_loss(
    network: TranslationNetwork, batch: TranslationBatch | RewardBatch, label_smoothing: float
) -> Loss:
    """The loss of targets given their sources, or of translations drawn for a reward.

    The loss of the sources' languages is added to its objective.
    """
    pairs = batch.pairs if isinstance(batch, RewardBatch) else batch
    source, lengths = pairs.source.to(network.device), pairs.source_lengths.to(network.device)
    target = pairs.target.to(network.device)
    state, languages = network.encode(source, lengths)
    among = tokens_among(network, target)
    if isinstance(batch, RewardBatch):
        task = Task(
            state,
            lambda: network.encode(source, lengths)[0],
            target,
            batch.references,
            min(network.config.maximum_length, target.size(1) * 3 // 2),
            batch.seed,
            among,
        )
        loss = reward_loss(network, task, batch.settings, label_smoothing)
    else:
        loss = sequence_loss(
            network.decoder,
            state,
            target,
            padding=Tokenizer.PAD,
            label_smoothing=label_smoothing,
            among=among,
        )
    return replace(loss, objective=loss.objective + _language_loss(network, pairs, languages))


def tokens_among(network: TranslationNetwork, target: Tensor) -> Tensor | None:
    """What targets of one language, (batch, length), are written with: int64 (n,), ascending.

    None is anything, for targets of several languages and where it is not on record.
    """
    tags = set(target[:, 0].tolist())
    written = network.written(tags.pop() - len(BASIC_TOKENS)) if len(tags) == 1 else None
    if written is None:
        return None
    among = written.clone()
    among[target.flatten()] = True
    among[Tokenizer.PAD] = False
    return among.nonzero().squeeze(1)


def _language_loss(network: TranslationNetwork, batch: TranslationBatch, logits: Tensor) -> Tensor:
    """Cross-entropy of the languages of a batch's sources, all of them whole and every fourth in part.

    The ``logits`` are of the whole sources' languages, (batch, languages).
    """
    if len(network.languages) == 1:
        return 0 * logits.sum()  # nothing to tell apart
    languages = batch.source_languages.to(network.device)
    with torch.no_grad():  # the encoder learns nothing from this
        tokens, lengths = parts(
            batch.source[::4].to(network.device), batch.source_lengths[::4].to(network.device)
        )
        encoded = network.encoder(network.decoder.embedding(tokens), lengths)
    both = torch.cat([logits, network.language(language_features(*encoded))])
    return functional.cross_entropy(both.float(), torch.cat([languages, languages[::4]]))
