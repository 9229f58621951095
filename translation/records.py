"""A translator's shape, and what it is trained on."""

from dataclasses import dataclass

from torch import Tensor

from common.decoder import DecoderConfig
from translation.adapter import AdapterConfig
from translation.encoder import EncoderConfig


@dataclass(frozen=True)
class TranslatorConfig:
    """The shape of a translator.

    Attributes:
        encoder: Of its encoder.
        decoder: Of its decoder; its ``summary_size`` is twice the encoder's ``hidden_size``, and
            so is its ``memory_size`` unless that is 0, which turns attention off.
        directions: The pairs of languages it was trained on, such as ``"de-en"``.
        maximum_length: Most tokens of a source or a translation.
        characters: Those it has been trained on; others are carried over as they are.
        words: Those that it has seen often, in lower case, with spaces between: capitalised, they are no
            unknown names. All are known to a model that has none on record, or no vocabularies.
        names: Those that translations keep and that it has seen too seldom to learn, with spaces between.
        vocabularies: Whether it is on record which tokens it writes in which language.
        adapters: Of the languages for which it changes itself.
    """

    encoder: EncoderConfig
    decoder: DecoderConfig
    directions: tuple[str, ...]
    maximum_length: int = 256
    characters: str = ""
    words: str = ""
    names: str = ""
    vocabularies: bool = False
    adapters: tuple[AdapterConfig, ...] = ()


@dataclass(frozen=True)
class TranslationBatch:
    """Pairs of sentences as ids, padded.

    Attributes:
        source: Source and end-of-sentence, (batch, source_length).
        source_lengths: How much of each row is real, int64 (batch,).
        source_languages: Places in the translator's ``languages``, int64 (batch,).
        target: Tag of the target language, target, end-of-sentence, (batch, target_length).
    """

    source: Tensor
    source_lengths: Tensor
    source_languages: Tensor
    target: Tensor
