"""Training an adapter of a translator that stays as it is otherwise."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Self

from torch import Tensor, nn
from torch.func import functional_call

from common.errors import InputError
from common.loss import Loss
from data.records import SentencePair
from translation.adapter import AdapterConfig
from translation.fine_tuning import BUILT_IN
from translation.model import Translator
from translation.records import TranslationBatch
from translation.rewards import RewardBatch

Batch = TranslationBatch | RewardBatch


def with_adapter(name: str, pairs: Collection[SentencePair], rank: int, dropout: float) -> Translator:
    """Load a translator and give it an adapter; one of that rank that it has for the language goes on.

    Args:
        name: ``"built-in"``, or a model directory.
        pairs: What the adapter is to learn from, into one language.
        rank: Of the adapter.
        dropout: Of the translator, for the training to come.

    Raises:
        InputError: The translator cannot be loaded, or the pairs are of directions that it does not
            know or into several languages.
    """
    known = Translator.load(None if name == BUILT_IN else Path(name), device="cpu")
    targets = sorted({pair.target_language for pair in pairs})
    if len(targets) > 1:
        raise InputError(
            f"an adapter is for one language to write, the pairs are into {', '.join(targets)}; "
            f"give those into one, and set both_ways = false"
        )
    for source in sorted({pair.source_language for pair in pairs}):
        known.check_direction(source, targets[0])
    wanted = AdapterConfig(targets[0], rank)
    config = replace(
        known.config,
        encoder=replace(known.config.encoder, dropout=dropout),
        decoder=replace(known.config.decoder, dropout=dropout),
        adapters=(*(each for each in known.config.adapters if each.target != targets[0]), wanted),
    )
    translator = Translator(config, known.tokenizer)
    former = "" if wanted in known.config.adapters else f"adapters.{targets[0]}."
    weights = known.state_dict()
    kept = {name: weight for name, weight in weights.items() if not (former and name.startswith(former))}
    translator.load_state_dict(kept, strict=False)  # a new adapter begins as it is
    translator.dictionary = known.dictionary
    return translator


class Apprentice(nn.Module):
    """A translator of which only the adapter for one language learns."""

    def __init__(self, translator: Translator, target: str) -> None:
        """Of the translator's adapter for the language ``target``."""
        super().__init__()
        self.adapter = translator.adapters[target]
        translator.requires_grad_(False)
        self.adapter.requires_grad_(True)
        self._losing = (_Losing(translator),)  # in a tuple, so that it is no part of what there is to train

    def train(self, mode: bool = True) -> Self:
        """Begin or end training, of the translator too."""
        self._losing[0].train(mode)
        return super().train(mode)

    def loss(self, batch: Batch, label_smoothing: float = 0.0) -> Loss:
        """The loss of the translator as the adapter changes it; see :meth:`Translator.loss`."""
        (losing,) = self._losing
        changed: dict[str, Tensor] = self.adapter(losing.translator)
        weights = {f"translator.{name}": weight for name, weight in changed.items()}
        loss: Loss = functional_call(losing, weights, (batch, label_smoothing))
        return loss


class _Losing(nn.Module):
    """A translator's loss as its forward pass."""

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, batch: Batch, label_smoothing: float) -> Loss:
        return self.translator.loss(batch, label_smoothing)
