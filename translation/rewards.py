"""Sentence BLEU as the reward that a translator learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.rewards import RewardSettings
from translation.records import TranslationBatch


@dataclass(frozen=True)
class Reference:
    """What translations of a sentence are compared with."""

    text: str

    def rewards(self, texts: Sequence[str], finished: Sequence[bool]) -> list[float]:
        """BLEU of each text by itself, from 0 to 1; those cut off are compared as they are."""
        from sacrebleu.metrics.bleu import BLEU

        bleu = BLEU(effective_order=True)
        return [bleu.sentence_score(text, [self.text]).score / 100 for text in texts]


@dataclass(frozen=True)
class RewardBatch:
    """Sentences to draw translations of.

    Attributes:
        pairs: The sentences, and people's translations.
        references: Of each sentence.
        settings: How to learn from them.
        seed: For the drawing.
    """

    pairs: TranslationBatch
    references: Sequence[Reference]
    settings: RewardSettings
    seed: int
