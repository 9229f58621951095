"""Learning from rewards: texts are drawn, and those that score better than their like become likelier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from common.constraints import Constraints, Start
from common.decoder import Decoder, DecoderState
from common.fast_step import hasten
from common.loss import Loss, sequence_loss
from common.sampling import Sampling
from common.search import Hypothesis
from common.shortlist import Shortlist
from common.tokenizer import Tokenizer


@dataclass(frozen=True)
class RewardSettings:
    """How to learn from rewards.

    Attributes:
        samples: Texts to draw for each item.
        temperature: To draw them at; 1 is the model as it is.
        cross_entropy: What the cross-entropy of people's texts counts beside the reward. A
            reward does not see all that matters, and rewards what is safe to say: this
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


class Judge(Protocol):
    """Knows how good texts are that are written for one item."""

    def rewards(self, texts: Sequence[str], finished: Sequence[bool]) -> list[float]:
        """Of each text, of which some have been cut off before their end."""
        ...


class Writer(Protocol):
    """A model that writes."""

    decoder: Decoder
    tokenizer: Tokenizer
    training: bool

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        ...

    def train(self, mode: bool = True) -> object:
        """Learn, with dropout, or not."""
        ...


@dataclass(frozen=True)
class Task:
    """What to draw texts for.

    Attributes:
        state: The decoder's before the first token, one row for each item, to learn through.
        start: Makes it anew, to draw from: without dropout, as the model is not training then.
        truth: What people wrote for each item, as many texts of one as of another, side by side:
            tag, text and end-of-sentence, int64 (texts, length).
        judges: Of each item.
        maximum_length: Most tokens of a text that is drawn.
        seed: For the drawing.
        among: The tokens to write with, the tags and those of ``truth`` among them, int64 (n,), ascending;
            None is all.
    """

    state: DecoderState
    start: Callable[[], DecoderState]
    truth: Tensor
    judges: Sequence[Judge]
    maximum_length: int
    seed: int
    among: Tensor | None = None


def reward_loss(writer: Writer, task: Task, settings: RewardSettings, label_smoothing: float = 0.0) -> Loss:
    """Self-critical sequence training (Rennie et al., 2017, arXiv:1612.00563) against the other samples.

    What a sample's reward is compared with is the mean of the item's other samples (Luo, 2020,
    arXiv:2003.09971; Kool et al., 2019): the gradient stays without bias.

    Returns:
        The objective is minus the log-probability of the samples, each times its advantage, a
        token, and the part of cross-entropy, which ``label_smoothing`` is for. In place of
        nats and tokens are minus the rewards and the number of samples.
    """
    count, each = settings.samples, len(task.truth) // len(task.judges)
    tags = task.truth[::each, :1]
    drawn = _draw(writer, task, tags, settings)
    rewards = _rewards(writer, task, drawn)
    # Minus the mean of the others: with all samples in the mean, times this factor.
    advantages = (rewards - rewards.mean(1, keepdim=True)) * count / (count - 1)
    ends = {True: [Tokenizer.EOS], False: []}
    rows = [
        torch.tensor([tag, *sample.tokens, *ends[sample.finished]], device=writer.device)
        for tag, samples in zip(tags.flatten().tolist(), drawn, strict=True)
        for sample in samples
    ]
    objective = sequence_loss(
        writer.decoder,
        task.state.widen(count),
        pad_sequence(rows, batch_first=True, padding_value=Tokenizer.PAD),
        padding=Tokenizer.PAD,
        weights=advantages.flatten().to(writer.device),
        among=task.among,
    ).objective
    if settings.cross_entropy:
        shown = sequence_loss(
            writer.decoder,
            task.state.widen(each),
            task.truth,
            padding=Tokenizer.PAD,
            label_smoothing=label_smoothing,
            among=task.among,
        )
        objective = objective + settings.cross_entropy * shown.objective
    return Loss(objective, -float(rewards.sum()), rewards.numel())


def _rewards(writer: Writer, task: Task, drawn: Sequence[Sequence[Hypothesis]]) -> Tensor:
    """Of each sample of each item, (items, samples)."""
    return torch.tensor(
        [
            judge.rewards(
                writer.tokenizer.decode_batch([sample.tokens for sample in samples]),
                [sample.finished for sample in samples],
            )
            for judge, samples in zip(task.judges, drawn, strict=True)
        ]
    )


@torch.no_grad()
def _draw(writer: Writer, task: Task, tags: Tensor, settings: RewardSettings) -> list[list[Hypothesis]]:
    """Samples for each item, from the model without dropout."""
    strategy = Sampling(temperature=settings.temperature, count=settings.samples, seed=task.seed)
    rules = Constraints(min_length=0).rules(
        writer.tokenizer, Start(), eos=Tokenizer.EOS, max_length=task.maximum_length
    )
    mode = writer.training
    writer.train(False)
    try:
        items = range(len(task.judges))
        return _quick(writer, task.among).decode(task.start(), tags, strategy, rules, items=items)
    finally:
        writer.train(mode)
        # Autocast keeps weights that it has converted here, and these would be without gradient.
        torch.clear_autocast_cache()


def _quick(writer: Writer, among: Tensor | None) -> Shortlist:
    """What to draw with: of the weights as they are now, with products of fewer bits where that is faster."""
    if among is None:
        among = torch.arange(writer.decoder.config.vocabulary_size, device=writer.device)
    shortlist = Shortlist(writer.decoder, among)
    hasten(shortlist.decoder, writer.device)
    return shortlist
