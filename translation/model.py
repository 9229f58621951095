"""The translator: a sentence encoder and the shared decoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, overload

import torch
from torch import Tensor, nn

from common.config import as_values, build
from common.decoder import Decoder, DecoderConfig, DecoderState
from common.device import choose_device
from common.errors import InputError
from common.loss import Loss, sequence_loss
from common.model_directory import Storage, load_tokenizer, load_weights, read_config, save_model
from common.result import Result, make_result
from common.search import Beam, Strategy, decode
from common.tokenizer import Tokenizer
from data.batches import bucket, pad
from translation.encoder import EncoderConfig, SentenceEncoder

KIND = "translator"
BUILT_IN = Path(__file__).parent / "pretrained"
USUAL = Beam(5, length_penalty=0.8)
"""How to translate unless told otherwise; the penalty is the best on Multi30k's validation set."""


@dataclass(frozen=True)
class TranslatorConfig:
    """The shape of a translator.

    Attributes:
        encoder: Of its encoder.
        decoder: Of its decoder; its ``summary_size`` is twice the encoder's ``hidden_size``, and
            so is its ``memory_size`` unless that is 0, which turns attention off.
        directions: The pairs of languages it was trained on, such as ``"de-en"``.
        maximum_length: Most tokens of a source or a translation.
    """

    encoder: EncoderConfig
    decoder: DecoderConfig
    directions: tuple[str, ...]
    maximum_length: int = 256


@dataclass(frozen=True)
class TranslationBatch:
    """Pairs of sentences as ids, padded.

    Attributes:
        source: Tag of the target language, source, end-of-sentence, (batch, source_length).
        source_lengths: How much of each row is real, int64 (batch,).
        target: Tag of the target language, target, end-of-sentence, (batch, target_length).
    """

    source: Tensor
    source_lengths: Tensor
    target: Tensor


class Translator(nn.Module):
    """Translates between the languages it was trained on.

    One set of weights serves all directions: a tag of the target language stands
    before the source and is also the first token the decoder reads (Johnson et al.,
    2017, arXiv:1611.04558). Encoder and decoder share their word vectors.
    """

    def __init__(self, config: TranslatorConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.decoder = Decoder(config.decoder)
        self.encoder = SentenceEncoder(config.encoder)

    @classmethod
    def load(cls, directory: Path | str | None = None, *, device: str = "auto") -> Self:
        """Load a model directory, by default the built-in one; nothing is fetched.

        Raises:
            InputError: The directory is missing, damaged, of another kind or newer format.
        """
        directory = Path(directory or BUILT_IN)
        config = build(TranslatorConfig, read_config(directory, KIND), f"{directory}/config.json")
        translator = cls(config, load_tokenizer(directory, config.decoder.vocabulary_size))
        load_weights(directory, translator)
        return translator.eval().to(choose_device(device))

    def save(self, directory: Path, storage: Storage = "float32") -> None:
        """Write a model directory; see :func:`common.model_directory.save_model`."""
        save_model(directory, KIND, as_values(self.config), self, self.tokenizer, storage)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.decoder.bias.device

    def start(self, source: Tensor, lengths: Tensor) -> DecoderState:
        """Encode sources (batch, length) of which ``lengths`` (batch,) is real: the decoder's first state."""
        memory, summary, mask = self.encoder(self.decoder.embedding(source), lengths)
        return self.decoder.start(summary, memory, mask)

    def loss(self, batch: TranslationBatch, label_smoothing: float = 0.0) -> Loss:
        """The loss of the batch's targets given its sources."""
        state = self.start(batch.source.to(self.device), batch.source_lengths.to(self.device))
        target = batch.target.to(self.device)
        return sequence_loss(
            self.decoder, state, target, padding=Tokenizer.PAD, label_smoothing=label_smoothing
        )

    @overload  # a str is a sequence of str too, but then comes first
    def translate(  # type: ignore[overload-overlap]
        self, text: str, source: str, target: str, strategy: Strategy = ...
    ) -> Result: ...
    @overload
    def translate(
        self,
        text: Sequence[str],
        source: str,
        target: str,
        strategy: Strategy = ...,
        *,
        items: Sequence[int] | None = ...,
    ) -> list[Result]: ...

    @torch.inference_mode()
    def translate(
        self,
        text: str | Sequence[str],
        source: str,
        target: str,
        strategy: Strategy = USUAL,
        *,
        items: Sequence[int] | None = None,
    ) -> Result | list[Result]:
        """Translate a sentence, or several at once.

        Sentences are decoded in batches of similar length; the results come in the order
        given and do not depend on the batching. A blank sentence gives an empty result.

        Args:
            text: A sentence, or a list of them.
            source: Its language, such as ``"de"``.
            target: The language to write.
            strategy: :class:`~common.search.Beam` or :class:`~common.sampling.Sampling`.
            items: The number of each sentence in a longer list, of which these are a part:
                sampling depends on it.

        Raises:
            InputError: The model does not know the direction, or a sentence is too long.
        """
        if isinstance(text, str):
            return self.translate([text], source, target, strategy)[0]
        self.check_direction(source, target)
        numbers = range(len(text)) if items is None else items
        results = [Result("")] * len(text)
        filled = [row for row, sentence in enumerate(text) if sentence.strip()]
        ids = self.source_ids([text[row] for row in filled], target)
        # Padded states of a beam are the largest thing in memory: 4,096 source tokens at a time.
        for places in bucket([len(each) for each in ids], tokens_per_batch=4096, shuffle_seed=None):
            rows = [filled[place] for place in places]
            translated = self._translate_batch(
                [ids[place] for place in places], target, strategy, [numbers[row] for row in rows]
            )
            for row, result in zip(rows, translated, strict=True):
                results[row] = result
        return results

    def check_direction(self, source: str, target: str) -> None:
        """Raise InputError unless the model translates from ``source`` to ``target``."""
        if f"{source}-{target}" not in self.config.directions:
            known = ", ".join(self.config.directions)
            raise InputError(f"this model does not translate from {source} to {target}; it knows {known}")

    def source_ids(self, sentences: Sequence[str], target: str) -> list[list[int]]:
        """Ids of each sentence between the tag of the target language and the end-of-sentence.

        Raises:
            InputError: A sentence has more tokens than the model takes.
        """
        tag = self.tokenizer.special(f"<{target}>")
        ids = [[tag, *each, Tokenizer.EOS] for each in self.tokenizer.encode_batch(sentences)]
        for sentence, each in zip(sentences, ids, strict=True):
            if len(each) > self.config.maximum_length:
                raise InputError(
                    f"a sentence of {len(each)} tokens is too long, the model takes "
                    f"{self.config.maximum_length}; split it: {sentence[:40]!r}..."
                )
        return ids

    def _translate_batch(
        self, ids: list[list[int]], target: str, strategy: Strategy, items: list[int]
    ) -> list[Result]:
        lengths = torch.tensor([len(each) for each in ids], device=self.device)
        state = self.start(torch.tensor(pad(ids, Tokenizer.PAD), device=self.device), lengths)
        prompt = torch.full((len(ids), 1), self.tokenizer.special(f"<{target}>"), device=self.device)
        never = [self.tokenizer.special(token) for token in self.tokenizer.special_tokens]
        never.remove(Tokenizer.EOS)
        decoded = decode(
            self.decoder,
            state,
            prompt,
            strategy,
            eos=Tokenizer.EOS,
            max_length=self.config.maximum_length,
            min_length=1,
            forbidden=never,
            items=items,
        )
        return [make_result(hypotheses, self.tokenizer) for hypotheses in decoded]
