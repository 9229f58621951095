"""The language model: the shared decoder alone, from a zero state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from common.config import as_values, build
from common.constraints import Constraints
from common.decoder import Decoder, DecoderConfig
from common.device import choose_device
from common.loss import Loss, linear_cross_entropy, sequence_loss
from common.metrics import TextScore
from common.model_directory import Storage, load_tokenizer, load_weights, read_config, save_model
from common.result import Result, make_result
from common.sampling import Sampling
from common.search import Strategy, decode
from common.tokenizer import Tokenizer

KIND = "language-model"
BUILT_IN = Path(__file__).parent / "pretrained"


@dataclass(frozen=True)
class LanguageModelConfig:
    """The shape of a language model: that of its decoder, which has neither summary nor memory."""

    decoder: DecoderConfig


class LanguageModel(nn.Module):
    """Continues a text, one token at a time (Mikolov et al., 2010; Graves, 2013, arXiv:1308.0850).

    Every window of text that it learns from, every prompt and every measured text comes after
    a beginning-of-sentence token, which therefore means "anywhere in a text".
    """

    def __init__(self, config: LanguageModelConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.decoder = Decoder(config.decoder)

    @classmethod
    def load(cls, directory: Path | str | None = None, *, device: str = "auto") -> Self:
        """Load a model directory, by default the built-in one; nothing is fetched.

        Raises:
            InputError: The directory is missing, damaged, of another kind or newer format.
        """
        directory = Path(directory or BUILT_IN)
        config = build(LanguageModelConfig, read_config(directory, KIND), f"{directory}/config.json")
        model = cls(config, load_tokenizer(directory, config.decoder.vocabulary_size))
        load_weights(directory, model)
        return model.eval().to(choose_device(device))

    def save(self, directory: Path, storage: Storage = "float32") -> None:
        """Write a model directory; see :func:`common.model_directory.save_model`."""
        save_model(directory, KIND, as_values(self.config), self, self.tokenizer, storage)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.decoder.bias.device

    def loss(self, windows: Tensor, label_smoothing: float = 0.0) -> Loss:
        """The loss of ``windows`` of text, each after a beginning token, int64 (batch, length)."""
        state = self.decoder.start_empty(len(windows))
        return sequence_loss(
            self.decoder,
            state,
            windows.to(self.device),
            padding=Tokenizer.PAD,
            label_smoothing=label_smoothing,
        )

    @torch.inference_mode()
    def generate(
        self,
        prompt: str = "",
        length: int = 300,
        strategy: Strategy = Sampling(temperature=0.7),  # noqa: B008 (frozen)
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
    ) -> Result:
        """Continue ``prompt`` by ``length`` tokens.

        Characters (or words) that the model has never seen are passed over when it reads the
        prompt; ``tokenizer.unknown(prompt)`` lists them. They stay in the text of the result.

        Args:
            prompt: What to continue; the model makes up a beginning without.
            length: Number of tokens to add.
            strategy: :class:`~common.sampling.Sampling` or :class:`~common.search.Beam`.
            constraints: What the continuation must be like, seen together with the prompt; their
                prefix and shortest length are not looked at.

        Returns:
            The prompt and its continuation; score and tokens are of the continuation.
        """
        ids = [token for token in self.tokenizer.encode(prompt) if token != Tokenizer.UNK]
        tokens = torch.tensor([[Tokenizer.BOS, *ids]], device=self.device)
        start = replace(constraints, prefix="").start(self.tokenizer)
        rules = constraints.rules(self.tokenizer, start, eos=None, max_length=length)
        rules = replace(rules, prefix=tuple(ids))
        (hypotheses,) = decode(self.decoder, self.decoder.start_empty(1), tokens, strategy, rules)
        result = make_result(hypotheses, self.tokenizer, ids)
        # What the tokens of the prompt read as may lack what the model has never seen.
        read = len(self.tokenizer.decode(ids))
        whole = [replace(each, text=prompt + each.text[read:]) for each in (result, *result.alternatives)]
        return replace(whole[0], alternatives=tuple(whole[1:]))

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
        ids = self.tokenizer.encode(text)
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
        return TextScore(nats, len(ids), len(text))


def windows_of(ids: Sequence[int], length: int, offset: int) -> list[list[int]]:
    """Cut ``ids`` from ``offset`` on into whole windows of ``length``, each after a beginning token."""
    starts = range(offset, len(ids) - length + 1, length)
    return [[Tokenizer.BOS, *ids[start : start + length]] for start in starts]
