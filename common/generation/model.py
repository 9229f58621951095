"""The language model: the shared decoder alone, from a zero state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from common.config import as_values
from common.constraints import Constraints
from common.decoder import Decoder, DecoderConfig, DecoderState
from common.generation.batches import TextBatch
from common.generation.draft import Draft, read_draft
from common.generation.score import TextScore
from common.generation.streaming import count_needed, find_stop, spell, until
from common.loss import Loss, linear_cross_entropy
from common.model_directory import Model, Storage, load_model, save_model
from common.result import Result, make_result
from common.sampling import Sampling
from common.search import Beam, Hypothesis, Rules, Strategy, decode, stream
from common.tokenizer import Tokenizer

KIND = "language-model"
BUILT_IN = Path(__file__).parent / "pretrained"


@dataclass(frozen=True)
class LanguageModelConfig:
    """The shape of a language model: that of its decoder, which has neither summary nor memory."""

    decoder: DecoderConfig


class LanguageModel(Model):
    """Continues a text, one token at a time (Mikolov et al., 2010; Graves, 2013, arXiv:1308.0850).

    Every stream of text that it learns from, every prompt and every measured text comes after
    a beginning-of-sentence token, which therefore means "anywhere in a text".
    """

    carried: Tensor | None
    """The state after the last batch of training (:meth:`DecoderState.stack`); part of no saved model."""

    def __init__(self, config: LanguageModelConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.decoder = Decoder(config.decoder)
        self.register_buffer("carried", None, persistent=False)

    @classmethod
    def load(cls, directory: Path | str | None = None, *, device: str = "auto") -> Self:
        """Load a model directory, by default the built-in one; nothing is fetched.

        Raises:
            InputError: The directory is missing, damaged, of another kind or newer format.
        """
        return load_model(cls, LanguageModelConfig, KIND, Path(directory or BUILT_IN), device)

    def save(self, directory: Path, storage: Storage = "float32") -> None:
        """Write a model directory; see :func:`common.model_directory.save_model`."""
        save_model(directory, KIND, as_values(self.config), self.state_dict(), self.tokenizer, storage)

    def loss(self, batch: TextBatch, label_smoothing: float = 0.0) -> Loss:
        """The loss of a batch, with the state at the end of the one before if it goes on from there.

        A batch of another number of rows than that one starts from nothing.
        """
        tokens = batch.tokens.to(self.device)
        state = self.decoder.start_empty(len(tokens))
        if batch.continues and self.carried is not None and self.carried.size(2) == len(tokens):
            state = DecoderState.unstack(self.carried)
        features, state, _ = self.decoder.read(tokens[:, :-1], state)
        # No gradient goes from one batch into the former.
        self.carried = state.stack().detach()
        targets = tokens[:, 1:].flatten()
        weight, bias = self.decoder.embedding.weight, self.decoder.bias
        smoothed, nats = linear_cross_entropy(features.flatten(0, 1), weight, bias, targets, label_smoothing)
        return Loss(smoothed / len(targets), float(nats), len(targets))

    def read(self, text: str, before: Draft | None = None) -> Draft:
        """Read ``text``, after a draft if one is given; see :func:`common.generation.draft.read_draft`."""
        return read_draft(self.decoder, self.tokenizer, text, before)

    @torch.inference_mode()
    def generate(
        self,
        prompt: str | Draft = "",
        length: int = 300,
        strategy: Strategy = Sampling(temperature=0.7),  # noqa: B008 (frozen)
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        stop: Sequence[str] = (),
    ) -> Result:
        """Continue ``prompt`` by ``length`` tokens.

        Characters (or words) that the model has never seen are passed over when it reads the
        prompt; ``tokenizer.unknown(prompt)`` lists them. They stay in the text of the result.

        Args:
            prompt: What to continue, read before or not; the model makes up a beginning without.
            length: Number of tokens to add.
            strategy: :class:`~common.sampling.Sampling` or :class:`~common.search.Beam`.
            constraints: What the continuation must be like, seen together with the prompt; their
                prefix and shortest length are not looked at.
            stop: The continuation ends before the first of these texts in it, and its last token
                may then be more than what is shown of it.

        Returns:
            The prompt and its continuation; score and tokens are of the continuation. What a beam
            finds and is the same up to ``stop`` comes once.
        """
        draft = self.read(prompt) if isinstance(prompt, str) else prompt
        rules = self._rules(draft, length, constraints)
        (hypotheses,) = decode(self.decoder.step, draft.state, draft.last, strategy, rules)
        results = [self._written(draft, each, stop) for each in hypotheses]
        if stop and isinstance(strategy, Beam):
            texts = [each.text for each in results]
            results = [each for place, each in enumerate(results) if each.text not in texts[:place]]
        return replace(results[0], alternatives=tuple(results[1:]))

    @torch.inference_mode()
    def stream(
        self,
        prompt: str | Draft = "",
        length: int = 300,
        sampling: Sampling = Sampling(temperature=0.7),  # noqa: B008 (frozen)
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        stop: Sequence[str] = (),
    ) -> Iterator[str]:
        """Continue ``prompt`` as :meth:`generate` does, and give the text piece by piece as it is written.

        Joined after the prompt, the pieces are the text of the first result of :meth:`generate`.
        """
        draft = self.read(prompt) if isinstance(prompt, str) else prompt
        rules = self._rules(draft, length, constraints)
        tokens = stream(self.decoder.step, draft.state, draft.last, sampling, rules)
        yield from until(spell(self.tokenizer, draft.ids, tokens), stop)

    def _rules(self, draft: Draft, length: int, constraints: Constraints) -> Rules:
        start = replace(constraints, prefix="").start(self.tokenizer)
        rules = constraints.rules(self.tokenizer, start, eos=None, max_length=length)
        return replace(rules, prefix=draft.ids[1:])

    def _written(self, draft: Draft, hypothesis: Hypothesis, stop: Sequence[str]) -> Result:
        """The draft and what comes after it, up to ``stop``."""
        result = make_result([hypothesis], self.tokenizer, draft.ids)
        # What the tokens of the prompt read as may lack what the model has never seen.
        added = result.text[len(self.tokenizer.decode(draft.ids)) :]
        place = find_stop(added, stop)
        if place is None:
            return replace(result, text=draft.text + added)
        kept = count_needed(spell(self.tokenizer, draft.ids, hypothesis.tokens), place)
        logs = result.log_probabilities[:kept]
        text, ids = draft.text + added[:place], result.ids[:kept]
        return Result(text, sum(logs), result.tokens[:kept], logs, ids=ids)

    @torch.inference_mode()
    def measure(self, text: str, *, streams: int = 1, chunk: int = 512) -> TextScore:
        """How well the model foresees ``text``: the state is carried from its beginning to its end.

        Args:
            text: Not empty.
            streams: Cut the text into so many equal parts and read them side by side, which is
                faster and makes the figure a little worse, as each part starts from nothing.
            chunk: Tokens to read in one call; does not change the result.

        Raises:
            ValueError: The text is empty.
        """
        if not text:
            raise ValueError("text must not be empty")
        spans = self.tokenizer.spans(text)
        ids = [id_ for id_, _ in spans]
        unknown = [end - begin for id_, (begin, end) in spans if id_ == Tokenizer.UNK]
        part = -(-len(ids) // streams)
        rows = [[Tokenizer.BOS, *ids[start : start + part]] for start in range(0, len(ids), part)]
        rows[-1] += [Tokenizer.PAD] * (part + 1 - len(rows[-1]))
        tokens = torch.tensor(rows, device=self.device)
        state = self.decoder.start_empty(len(rows))
        nats = 0.0
        for start in range(0, part, chunk):
            features, state, _ = self.decoder.read(tokens[:, start : min(start + chunk, part)], state)
            targets = tokens[:, start + 1 : start + 1 + features.size(1)]
            real = targets != Tokenizer.PAD
            _, sum_ = linear_cross_entropy(
                features[real], self.decoder.embedding.weight, self.decoder.bias, targets[real]
            )
            nats += float(sum_)
        return TextScore(nats, len(ids), len(text), len(text.split()), len(unknown), sum(unknown))
