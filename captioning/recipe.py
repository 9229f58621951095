"""What determines a trained captioner: its data, its shape and how it is trained."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from captioning.encoder import ImageEncoderConfig
from captioning.model import CaptionerConfig
from common.decoder import DecoderConfig
from common.errors import InputError
from common.model_directory import Storage
from common.recurrence import Cell
from common.rewards import RewardSettings
from common.training import TrainingConfig
from data.captions import missing_images, read_captions
from data.records import CaptionedImage
from data.sentences import photograph_id, read_photograph_ids
from data.tidy import tidy_caption

SIDES = ("left", "right", "leftmost", "rightmost", "left-hand", "right-hand")
SIDES += ("links", "rechts", *(side + ending for side in ("linke", "rechte") for ending in ("", *"mnrs")))
"""Words that are no longer true in the mirror, in English and German."""


@dataclass(frozen=True)
class CaptionFiles:
    """A collection of captioned images, in one language.

    Attributes:
        images: Folder of the images.
        captions: File of the captions, in any format that :func:`data.captions.read_captions`
            reads; without, they are in a ``.txt`` beside each image.
        names: File with the names of the images to take, one a line; all without.
        split: Split of a Karpathy file to take.
        language: Of the captions.
        only: Files that name or number photographs, one a line: others are left out. A
            photograph is known by what is before the first ``_`` or ``.`` of its name.
        without: Such files, of photographs to leave out.
        by_id: Whether the names in ``captions`` are of the same photographs by that rule alone;
            those that are not in ``images`` are left out. So Multi30k's ``12.jpg`` is
            Flickr8k's ``12_ab.jpg``.
        share: Share of it to draw for each epoch, anew each time.
        name: What to call it in the figures of validation.
    """

    images: Path
    captions: Path | None = None
    names: Path | None = None
    split: str | None = None
    language: str = "en"
    only: tuple[Path, ...] = ()
    without: tuple[Path, ...] = ()
    by_id: bool = False
    share: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}")
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.language):
            raise ValueError(f"language must be letters, digits and _, got {self.language!r}")

    def read(self) -> list[CaptionedImage]:
        """The images there are, with tidied captions.

        Raises:
            InputError: A file cannot be read, images are missing, or none are left.
        """
        path = self.captions or self.images
        records = read_captions(path, self.images, names=self.names, split=self.split, language=self.language)
        wanted, unwanted = (
            {identity for file in files for identity in read_photograph_ids(file)}
            for files in (self.only, self.without)
        )
        ids = [photograph_id(record.image.name) for record in records]
        records = [
            record
            for record, identity in zip(records, ids, strict=True)
            if identity not in unwanted and (not self.only or identity in wanted)
        ]
        if self.by_id:
            records = self._at_hand(records)
        if not records:
            raise InputError(f"{path}: of its images none are left; check `only`, `without` and `images`")
        if missing := missing_images(records):
            raise InputError(
                f"{missing[0]}: no such image ({len(missing)} of {len(records)} are missing); "
                f"mend `images`, or list those that are there in a file and give it as `names`"
            )
        return [replace(record, captions=tuple(map(tidy_caption, record.captions))) for record in records]

    def _at_hand(self, records: Sequence[CaptionedImage]) -> list[CaptionedImage]:
        """The records of images that are there, with their names there."""
        try:
            there = {photograph_id(path.name): path for path in sorted(self.images.iterdir())}
        except OSError as error:
            raise InputError(f"{self.images}: cannot be listed ({error.strerror}); mend `images`") from error
        pairs = ((record, there.get(photograph_id(record.image.name))) for record in records)
        return [replace(record, image=image) for record, image in pairs if image]


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the model to train.

    Attributes:
        backbone: The ResNet, such as ``"resnet50"``.
        weights: ``"torchvision"``, or a safetensors file with a torchvision ``state_dict``.
        pool_pads_end: See :class:`~captioning.encoder.ImageEncoderConfig`.
        image_size: Side of the square that photographs are squashed to.
        trained_stages: How many of the ResNet's last stages learn too: 0 to 4, or 5 for all of it.
        encoder_rate: Their learning rate as a share of that of the rest: being pretrained, they
            are to change far less than what starts from nothing.
        vocabulary_size: Of the byte pairs.
        embedding_size: Size of a word vector.
        decoder_size: Size of each layer of the decoder.
        decoder_layers: Number of layers of the decoder.
        attention: Whether the decoder may look at the grid at every word; without it, it has
            only the state made from the mean of the grid.
        heads: Number of attention heads.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        dropout: Share of activations zeroed while training.
        maximum_length: Most tokens of a caption; longer ones are cut off in training.
        storage: How to keep the weights: ``"float32"``, ``"bfloat16"`` or ``"int8"``.
    """

    backbone: str = "resnet50"
    weights: str = "torchvision"
    pool_pads_end: bool = False
    image_size: int = 224
    trained_stages: int = 1
    encoder_rate: float = 0.05
    vocabulary_size: int = 4000
    embedding_size: int = 256
    decoder_size: int = 512
    decoder_layers: int = 2
    attention: bool = True
    heads: int = 4
    cell: Cell = "lstm"
    dropout: float = 0.4
    maximum_length: int = 40
    storage: Storage = "bfloat16"

    def __post_init__(self) -> None:
        if not 0 <= self.trained_stages <= 5:
            raise ValueError(f"trained_stages must be from 0 to 5, got {self.trained_stages}")
        if not 0 <= self.encoder_rate <= 1:
            raise ValueError(f"encoder_rate must be from 0 to 1, got {self.encoder_rate}")
        self.captioner(self.vocabulary_size, ())  # so that a wrong shape is refused when the recipe is read

    def captioner(self, vocabulary_size: int, languages: tuple[str, ...]) -> CaptionerConfig:
        """The captioner's full shape."""
        encoder = ImageEncoderConfig(self.backbone, self.image_size, self.pool_pads_end)
        decoder = DecoderConfig(
            vocabulary_size=vocabulary_size,
            embedding_size=self.embedding_size,
            hidden_size=self.decoder_size,
            layers=self.decoder_layers,
            cell=self.cell,
            summary_size=encoder.channels,
            memory_size=self.decoder_size if self.attention else 0,
            heads=self.heads,
            dropout=self.dropout,
        )
        return CaptionerConfig(encoder, decoder, languages, self.maximum_length)


@dataclass(frozen=True)
class CaptionerRecipe:
    """All that determines a trained captioner.

    Attributes:
        output: Directory for the checkpoint, ``metrics.jsonl`` and the best model, ``best``.
        data: What to learn from. Captions of the same image in several collections, such as
            in several languages, are learned together.
        validation: What to measure on, its images being left out of ``data``; without, 5 % of
            the images are taken off, at most 1,000.
        start_from: A model directory, or ``"built-in"``, whose vocabulary, shape, languages and
            weights to start from: of ``model``, only ``trained_stages``, ``encoder_rate``,
            ``dropout`` and ``storage`` count then.
        features: Folder to keep pixels, or the features of the frozen stages, in.
        model: Shape of the model.
        training: How to train it.
        tokens_per_batch: Most tokens of captions in a batch, padding counted.
        images_per_batch: Most images in a batch.
        augmentation: Whether each image is changed a little each time: cut at the edges, other
            light. The whole network is computed for each image then, learning or not.
        mirror: Whether to show half of the images mirrored.
        mirror_unless: Words in a caption that would no longer be true of a mirrored image.
        reward: With it, captions that the model writes are learned from, by how they score.
    """

    output: Path
    data: tuple[CaptionFiles, ...]
    validation: tuple[CaptionFiles, ...] = ()
    start_from: str = ""
    features: Path = Path("runs/features")
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tokens_per_batch: int = 2400
    images_per_batch: int = 64
    augmentation: bool = False
    mirror: bool = True
    mirror_unless: tuple[str, ...] = SIDES
    reward: RewardSettings | None = None

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data must have at least one entry")
        for name in ("tokens_per_batch", "images_per_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
