"""CIDEr-D as the reward that a captioner learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.loss import Loss
from common.metrics import CiderD, Words, caption_words
from common.rewards import RewardSettings, Task, reward_loss

if TYPE_CHECKING:
    from captioning.batches import CaptionBatch
    from captioning.model import Captioner

END = "<end>"
"""Stands for the end of a caption among its words; no word looks like it."""


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
        """See :func:`common.rewards.reward_loss`."""
        # What does not learn is the same for drawing and for learning.
        features = captioner.encoder.early(self.truth.features.to(captioner.device))
        task = Task(
            captioner.start(features),
            lambda: captioner.start(features),
            self.truth.captions.to(captioner.device),
            self.references,
            captioner.config.maximum_length,
            self.seed,
        )
        return reward_loss(captioner, task, self.settings, label_smoothing)
