"""The network of the translator: a sentence encoder and the shared decoder, and what they are trained for."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from common.config import as_values
from common.decoder import Decoder, DecoderState
from common.device import full_precision, quick
from common.errors import InputError
from common.fast_step import hasten
from common.loss import Loss
from common.model_directory import Model, Storage, load_model, save_model
from common.shortlist import Shortlist
from common.tokenizer import Tokenizer
from data.batches import bucket, pad
from translation.adapter import Adapter
from translation.capitals import known_beginning
from translation.dictionary import Dictionary, hinted
from translation.encoder import SentenceEncoder
from translation.glossary import Glossary
from translation.languages import AUTO, language_features, languages_of
from translation.objective import translation_loss
from translation.records import TranslationBatch, TranslatorConfig
from translation.rewards import RewardBatch
from translation.seen import seen_tokens

KIND = "translator"
BUILT_IN = Path(__file__).parent / "pretrained"


class TranslationNetwork(Model):
    """Reads sentences, and writes others.

    One set of weights serves all directions: the first token that the decoder reads is
    a tag of the target language (after Johnson et al., 2017, arXiv:1611.04558). Encoder
    and decoder share their word vectors. The encoder is not told the language of what it
    reads; a linear layer over what it has read says which it was, many-to-one.

    Attributes:
        vocabularies: Which tokens it writes in which language, its tag among them, bool (languages,
            vocabulary_size), in the order of :func:`translation.languages.languages_of`; None where that
            is not on record.
        dictionary: Of rare words, which it reads with hints; empty if it has not learned to.
        glossary: A person's own terms and the translations that they are to have.
        adapters: What it changes in itself to write a language, by its name; see :meth:`adapted`.
        rescorers: Where a small translator for a direction may be, in a directory of its name; see
            :meth:`rescorer`.
    """

    vocabularies: Tensor | None

    def __init__(self, config: TranslatorConfig, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.config, self.tokenizer = config, tokenizer
        self.languages = sorted({direction.split("-")[0] for direction in config.directions})
        # Before there were vocabularies, only long words were put on record.
        self.words = frozenset(config.words.split() if config.vocabularies else ())
        self.decoder = Decoder(config.decoder)
        self.encoder = SentenceEncoder(config.encoder)
        self.language = nn.Linear(4 * config.encoder.hidden_size, len(self.languages))
        self.adapters = nn.ModuleDict({each.target: Adapter(self, each.rank) for each in config.adapters})
        shape = len(languages_of(tokenizer)), len(tokenizer)
        self.register_buffer(
            "vocabularies", torch.zeros(shape, dtype=torch.bool) if config.vocabularies else None
        )
        self.names = frozenset(config.names.split())
        self.dictionary, self.glossary = Dictionary(), Glossary()
        self.rescorers: Path | None = None
        self._rescorers = dict[Path, TranslationNetwork]()
        self._shortlists = dict[str, Shortlist]()
        self._adapted = dict[str, TranslationNetwork]()

    @classmethod
    def load(cls, directory: Path | str | None = None, *, device: str = "auto") -> Self:
        """Load a model directory, by default the built-in one; nothing is fetched.

        Raises:
            InputError: The directory is missing, damaged, of another kind or newer format.
        """
        network = load_model(cls, TranslatorConfig, KIND, Path(directory or BUILT_IN), device)
        network.dictionary = Dictionary.load(Path(directory or BUILT_IN))
        network.rescorers = Path(directory or BUILT_IN) / "rescorers"
        return network

    def save(self, directory: Path, storage: Storage = "float32") -> None:
        """Write a model directory; see :func:`common.model_directory.save_model`."""
        save_model(directory, KIND, as_values(self.config), self.state_dict(), self.tokenizer, storage)
        self.dictionary.save(directory)

    def as_read(self, sentence: str, source: str, target: str) -> str:
        """What the model reads of a sentence: its first word as it knows it, and hints beside rare words.

        One that would be too long with these stays as it is.
        """
        if not self.dictionary:
            return sentence
        text = hinted(self.begun(sentence), self.dictionary.of(source, target))
        most = self.config.maximum_length
        # No token has less than a byte, the space before the first among them.
        fits = len(text.encode()) + 2 <= most or len(self.tokenizer.encode(text)) < most
        return text if fits else sentence

    def begun(self, sentence: str) -> str:
        """The sentence with its first word as the model knows it; see :func:`known_beginning`."""
        return known_beginning(sentence, lambda word: len(self.tokenizer.encode(word)))

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[DecoderState, Tensor]:
        """Read sources (batch, length) of which ``lengths`` (batch,) is real.

        Returns:
            The decoder's first state, and the logits of the source's language,
            (batch, languages), one for each of ``languages``.
        """
        with quick(self.device):
            memory, summary, mask = self.encoder(self.decoder.embedding(source), lengths)
        memory, summary = full_precision(memory), full_precision(summary)
        # Telling languages apart is learned from what translation needs, and does not disturb it.
        features = language_features(memory.detach(), summary.detach(), mask)
        return self.decoder.start(summary, memory, mask), self.language(features)

    def adapted(self, target: str) -> "TranslationNetwork":
        """The network that writes a language: this one, or one that an adapter has changed.

        What the adapter leaves as it is, both share.
        """
        if target not in self.adapters:
            return self
        found = self._adapted.get(target)
        if found is None or found.device != self.device:
            found = self._adapted[target] = self._changed(self.adapters[target])
        return found

    def rescorer(self, source: str, target: str) -> "TranslationNetwork | None":
        """The small translator that has a say in a direction, if any; see :mod:`translation.rescoring`.

        Raises:
            InputError: It is damaged, or for other directions.
        """
        directory = self.rescorers and self.rescorers / f"{source}-{target}"
        if not directory or not directory.is_dir():
            return None
        found = self._rescorers.get(directory)
        if found is None or found.device != self.device:
            found = TranslationNetwork.load(directory, device=str(self.device))
            try:
                found.check_direction(source, target)
            except InputError as error:
                raise InputError(f"{directory}: {error}") from None
            self._rescorers[directory] = found
        return found

    # Whoever asks first, others may go on with it outside of his inference mode.
    @torch.inference_mode(False)
    @torch.no_grad()
    def _changed(self, adapter: nn.Module) -> "TranslationNetwork":
        with torch.device("meta"):
            changed = TranslationNetwork(replace(self.config, adapters=()), self.tokenizer)
        weights = self.state_dict(keep_vars=True) | adapter(self)
        changed.load_state_dict({name: weights[name] for name in changed.state_dict()}, assign=True)
        if self.decoder.fast:
            hasten(changed.decoder, self.device, exact=True)  # whole numbers are so no longer
        return changed.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Begin or end training: what is on hand of the weights as they were is forgotten."""
        self._shortlists.clear()
        self._adapted.clear()
        return super().train(mode)

    def vocabulary(self, language: str) -> Tensor | None:
        """The tokens that it writes in a language, bool (vocabulary_size,); None if not on record."""
        return self.written(languages_of(self.tokenizer).index(language))

    def written(self, language: int) -> Tensor | None:
        """The row of a language in :attr:`vocabularies`, if it is on record."""
        if self.vocabularies is None or not self.vocabularies[language].any():
            return None
        return self.vocabularies[language]

    def note_vocabulary(self, language: str, texts: Collection[str]) -> None:
        """Put on record what texts in a language are written with, unless the model keeps no record."""
        if self.vocabularies is not None:
            seen = seen_tokens(texts, self.tokenizer).to(self.vocabularies.device)
            seen[self.tokenizer.special(f"<{language}>")] = True
            self.vocabularies[languages_of(self.tokenizer).index(language)] |= seen
            self._shortlists.clear()

    def shortlist(self, target: str, also: Collection[int] = ()) -> Shortlist:
        """What to decode with: the tokens of a language, and those that are wanted ``also``."""
        among = self.vocabulary(target)
        if among is not None and also:
            among = among.clone()
            among[[*also]] = True
            return Shortlist(self.decoder, among.nonzero().squeeze(1))
        found = self._shortlists.get(target)
        if found is None or found.decoder.bias.device != self.device:
            ids = None if among is None else among.nonzero().squeeze(1)
            found = self._shortlists[target] = Shortlist(self.decoder, ids)
        return found

    def loss(self, batch: TranslationBatch | RewardBatch, label_smoothing: float = 0.0) -> Loss:
        """What it learns from; see :func:`translation.objective.translation_loss`."""
        return translation_loss(self, batch, label_smoothing)

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
