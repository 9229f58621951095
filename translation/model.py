"""The translator: a sentence encoder and the shared decoder."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, overload

import torch
from torch import Tensor, nn

from common.config import as_values, build
from common.constraints import Constraints
from common.decoder import Decoder, DecoderState
from common.device import choose_device
from common.errors import InputError
from common.loss import Loss, sequence_loss
from common.model_directory import Storage, load_tokenizer, load_weights, read_config, save_model
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam, Strategy
from common.tokenizer import Tokenizer
from data.batches import bucket, pad
from translation.decoding import Decoding, decode_sentences
from translation.detection import Detection, detect, language_features, language_loss
from translation.encoder import SentenceEncoder
from translation.records import TranslationBatch, TranslatorConfig
from translation.streaming import stream_text
from translation.texts import AUTO, in_windows, translate_texts

KIND = "translator"
BUILT_IN = Path(__file__).parent / "pretrained"
USUAL = Beam(5, length_penalty=0.8)
"""How to translate unless told otherwise; the penalty is the best on Multi30k's validation set."""


class Translator(nn.Module):
    """Translates between the languages it was trained on.

    One set of weights serves all directions: the first token that the decoder reads is
    a tag of the target language (after Johnson et al., 2017, arXiv:1611.04558). Encoder
    and decoder share their word vectors. The encoder is not told the language of what it
    reads; a linear layer over what it has read says which it was, many-to-one.
    """

    def __init__(self, config: TranslatorConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.languages = sorted({direction.split("-")[0] for direction in config.directions})
        self.decoder = Decoder(config.decoder)
        self.encoder = SentenceEncoder(config.encoder)
        self.language = nn.Linear(4 * config.encoder.hidden_size, len(self.languages))

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

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[DecoderState, Tensor]:
        """Read sources (batch, length) of which ``lengths`` (batch,) is real.

        Returns:
            The decoder's first state, and the logits of the source's language,
            (batch, languages), one for each of ``languages``.
        """
        memory, summary, mask = self.encoder(self.decoder.embedding(source), lengths)
        # Telling languages apart is learned from what translation needs, and does not disturb it.
        features = language_features(memory.detach(), summary.detach(), mask)
        return self.decoder.start(summary, memory, mask), self.language(features)

    def loss(self, batch: TranslationBatch, label_smoothing: float = 0.0) -> Loss:
        """The loss of the batch's targets given its sources; the languages' is added to its objective."""
        lengths = batch.source_lengths.to(self.device)
        state, languages = self.encode(batch.source.to(self.device), lengths)
        loss = sequence_loss(
            self.decoder,
            state,
            batch.target.to(self.device),
            padding=Tokenizer.PAD,
            label_smoothing=label_smoothing,
        )
        return replace(loss, objective=loss.objective + language_loss(self, batch, languages))

    @overload  # a str is a sequence of str too, but then comes first
    def translate(  # type: ignore[overload-overlap]
        self,
        text: str,
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
    ) -> Result: ...
    @overload
    def translate(
        self,
        text: Sequence[str],
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
        items: Sequence[int] | None = ...,
    ) -> list[Result]: ...
    @overload
    def translate(
        self,
        text: Iterator[str],
        source: str,
        target: str,
        strategy: Strategy = ...,
        constraints: Constraints = ...,
        *,
        coverage_penalty: float = ...,
    ) -> Iterator[Result]: ...

    def translate(
        self,
        text: str | Sequence[str] | Iterator[str],
        source: str,
        target: str,
        strategy: Strategy = USUAL,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        *,
        coverage_penalty: float = 0.0,
        items: Sequence[int] | None = None,
    ) -> Result | list[Result] | Iterator[Result]:
        """Translate a text, a list of texts, or as many as an iterator gives, some at a time.

        Of each text the sentences are translated, and what is between them stays. Results come
        in order and do not depend on the batching. Several threads may share a translator.

        Args:
            text: What to translate.
            source: Its language, such as ``"de"``; ``"auto"`` to have it found out for each text,
                a short one in the light of the others.
            target: The language to write.
            strategy: :class:`~common.search.Beam` or :class:`~common.sampling.Sampling`.
            constraints: What the translation of each sentence must be like, and the prefix of each text.
            coverage_penalty: How much a beam's hypotheses lose for passing over parts of the source.
            items: The number of each text in a longer list: sampling depends on it.

        Raises:
            InputError: The model does not know the direction, a text is not valid Unicode, or the
                constraints cannot be met.
            ValueError: A coverage penalty is given without a plain beam.
        """
        self.check_direction(source, target)
        how = Decoding(strategy, constraints, coverage_penalty)
        work = partial(translate_texts, self, source, target, how)
        if isinstance(text, str):
            return work([text], [0])[0]
        if isinstance(text, Iterator):
            return in_windows(text, work)
        return work(text, range(len(text)) if items is None else items)

    def stream(
        self,
        text: str,
        source: str,
        target: str,
        sampling: Sampling = GREEDY,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
    ) -> Iterator[str]:
        """Translate a text and give the translation piece by piece, as it is written.

        Joined, the pieces are what :meth:`translate` gives for the first sample, but that what
        has been given cannot be taken back: greedy translations that go round in circles stay.

        Raises:
            InputError: As :meth:`translate`.
        """
        self.check_direction(source, target)
        return stream_text(self, text, source, target, sampling, constraints)

    def check_direction(self, source: str, target: str) -> None:
        """Raise InputError unless the model translates from ``source``, or some language, to ``target``."""
        directions = self.config.directions
        known = [each for each in directions if source in (AUTO, each.removesuffix(f"-{target}"))]
        if not any(each.endswith(f"-{target}") for each in known):
            listed = ", ".join(directions)
            raise InputError(f"this model does not translate from {source} to {target}; it knows {listed}")

    def source_ids(self, sentences: Sequence[str]) -> list[list[int]]:
        """Ids of each sentence and the end-of-sentence.

        Raises:
            InputError: A sentence has more tokens than the model takes.
        """
        ids = [[*each, Tokenizer.EOS] for each in self.tokenizer.encode_batch(sentences)]
        for sentence, each in zip(sentences, ids, strict=True):
            if len(each) > self.config.maximum_length:
                raise InputError(
                    f"a sentence of {len(each)} tokens is too long, the model takes "
                    f"{self.config.maximum_length}; split it: {sentence[:40]!r}..."
                )
        return ids

    def batches(self, ids: Sequence[list[int]], width: int = 1) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Batches of similar length: places in ``ids``, sources (batch, length), their lengths (batch,).

        Each source is to have ``width`` hypotheses. They are the largest thing in memory: of five there
        are 4,096 source tokens at a time, of short sentences 256, as each has logits of its own.
        """
        lengths = [max(16, len(each)) for each in ids]
        for places in bucket(lengths, tokens_per_batch=4096 * 5 // max(5, width) or 1, shuffle_seed=None):
            rows = [ids[place] for place in places]
            real = torch.tensor([len(row) for row in rows], device=self.device)
            yield places, torch.tensor(pad(rows, Tokenizer.PAD), device=self.device), real

    @torch.inference_mode()
    def translate_sentences(
        self,
        sentences: Sequence[str],
        target: str,
        strategy: Strategy,
        constraints: Constraints = Constraints(),  # noqa: B008 (frozen)
        *,
        items: Sequence[int],
    ) -> list[Result]:
        """Translate sentences as they are, each with its number in ``items``; none may be empty.

        Raises:
            InputError: A sentence is too long, or the constraints cannot be met.
        """
        return decode_sentences(self, sentences, target, strategy, constraints, items)

    def detect(self, texts: Sequence[str], *, alike: bool = False) -> list[Detection]:
        """The language of each text; see :func:`translation.detection.detect`."""
        return detect(self, texts, alike=alike)
