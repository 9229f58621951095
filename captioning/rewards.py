"""Learning from rewards: captions are drawn, and those that score better than their like become likelier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from common.constraints import Constraints, Start
from common.decoder import DecoderState
from common.loss import Loss, sequence_loss
from common.metrics import CiderD, Words, caption_words
from common.quantized import QuantizedDecoder, is_fast
from common.sampling import Sampling
from common.search import Hypothesis, Step, decode
from common.tokenizer import Tokenizer
from data.batches import pad

if TYPE_CHECKING:
    from captioning.model import CaptionBatch, Captioner

END = "<end>"
"""Stands for the end of a caption among its words; no word looks like it."""


@dataclass(frozen=True)
class RewardSettings:
    """How to learn from rewards.

    Attributes:
        samples: Captions to draw of each photograph.
        temperature: To draw them at; 1 is the model as it is.
        cross_entropy: What the cross-entropy of people's captions counts beside the reward. The
            reward knows neither capitals nor stops, and rewards what is safe to say: this
            keeps the model's language as people write.
    """

    samples: int = 5
    temperature: float = 1.0
    cross_entropy: float = 0.1

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"samples must be at least 2, to compare them, got {self.samples}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if not self.cross_entropy >= 0:
            raise ValueError(f"cross_entropy must be 0 or more, got {self.cross_entropy}")


def reference_words(caption: str) -> list[str]:
    """The words of a whole caption, with its end as the last.

    Were the end no word, a caption that breaks off after "a" would cost nothing, and so
    captions learn to break off (Rennie et al., 2017, appendix; Luo, 2020, section 4).
    """
    return [*caption_words(caption), END]


@dataclass(frozen=True)
class References:
    """What people wrote about a photograph in one language, for captions to be compared with.

    Attributes:
        cider: With the document frequencies of all training captions of that language.
        words: Of each of the captions, as :func:`reference_words` gives them.
    """

    cider: CiderD
    words: Sequence[Words]

    def rewards(self, texts: Sequence[str], finished: Sequence[bool]) -> list[float]:
        """CIDEr-D of each text, of which some have been cut off before their end."""
        words = [
            reference_words(text) if whole else caption_words(text)
            for text, whole in zip(texts, finished, strict=True)
        ]
        return self.cider.scores(words, self.words)


@dataclass(frozen=True)
class RewardBatch:
    """Photographs to draw captions of, each in one language.

    Attributes:
        truth: The photographs, and people's captions of them.
        references: Of each photograph.
        settings: How to learn from them.
        seed: For the drawing.
    """

    truth: CaptionBatch
    references: Sequence[References]
    settings: RewardSettings
    seed: int

    def loss(self, captioner: Captioner, label_smoothing: float) -> Loss:
        """See :func:`reward_loss`."""
        return reward_loss(captioner, self, label_smoothing)


def reward_loss(captioner: Captioner, batch: RewardBatch, label_smoothing: float = 0.0) -> Loss:
    """Self-critical sequence training (Rennie et al., 2017, arXiv:1612.00563) against the other samples.

    What a sample's CIDEr-D is compared with is the mean of the photograph's other samples
    (Luo, 2020, arXiv:2003.09971; Kool et al., 2019): the gradient stays without bias.

    Returns:
        The objective is minus the log-probability of the samples, each times its advantage, a
        token, and the part of cross-entropy, which ``label_smoothing`` is for. In place of
        nats and tokens are minus the rewards and the number of samples.
    """
    truth, count = batch.truth, batch.settings.samples
    captions = truth.captions.to(captioner.device)
    each = len(captions) // len(truth.features)
    tags = captions[::each, :1]
    # What does not learn is the same for drawing and for learning.
    features = captioner.encoder.early(truth.features.to(captioner.device))
    drawn = _draw(captioner, features, tags, batch)
    rewards = _rewards(captioner, batch, drawn)
    # Minus the mean of the others: with all samples in the mean, times this factor.
    advantages = (rewards - rewards.mean(1, keepdim=True)) * count / (count - 1)
    ends = {True: [Tokenizer.EOS], False: []}
    rows = [
        [tag, *sample.tokens, *ends[sample.finished]]
        for tag, samples in zip(tags.flatten().tolist(), drawn, strict=True)
        for sample in samples
    ]
    state = captioner.start(features)
    objective = sequence_loss(
        captioner.decoder,
        state.widen(count),
        torch.tensor(pad(rows, Tokenizer.PAD), device=captioner.device),
        padding=Tokenizer.PAD,
        weights=advantages.flatten().to(captioner.device),
    ).objective
    if batch.settings.cross_entropy:
        shown = sequence_loss(
            captioner.decoder,
            state.widen(each),
            captions,
            padding=Tokenizer.PAD,
            label_smoothing=label_smoothing,
        )
        objective = objective + batch.settings.cross_entropy * shown.objective
    return Loss(objective, -float(rewards.sum()), rewards.numel())


def _rewards(captioner: Captioner, batch: RewardBatch, drawn: Sequence[Sequence[Hypothesis]]) -> Tensor:
    """Of each sample of each photograph, (photographs, samples)."""
    return torch.tensor(
        [
            references.rewards(
                captioner.tokenizer.decode_batch([sample.tokens for sample in samples]),
                [sample.finished for sample in samples],
            )
            for references, samples in zip(batch.references, drawn, strict=True)
        ]
    )


@torch.no_grad()
def _draw(captioner: Captioner, features: Tensor, tags: Tensor, batch: RewardBatch) -> list[list[Hypothesis]]:
    """Samples for each place of the batch, from the model without dropout."""
    strategy = Sampling(temperature=batch.settings.temperature, count=batch.settings.samples, seed=batch.seed)
    rules = Constraints(min_length=0).rules(
        captioner.tokenizer, Start(), eos=Tokenizer.EOS, max_length=captioner.config.maximum_length
    )
    mode = captioner.training
    captioner.eval()
    try:
        return decode(_quick_step(captioner), captioner.start(features), tags, strategy, rules)
    finally:
        captioner.train(mode)
        # Autocast keeps weights that it has converted here, and these would be without gradient.
        torch.clear_autocast_cache()


def _quick_step(captioner: Captioner) -> Step[DecoderState]:
    """What to draw with: of the weights as they are now, in 8-bit arithmetic where that is faster."""
    if captioner.device.type == "cpu" and is_fast():
        return QuantizedDecoder(captioner.decoder)
    return captioner.decoder.step
