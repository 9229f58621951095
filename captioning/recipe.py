"""What determines a trained captioner: its data, its shape and how it is trained."""

from dataclasses import dataclass, field
from pathlib import Path

from captioning.encoder import ImageEncoderConfig
from captioning.model import CaptionerConfig
from common.decoder import DecoderConfig
from common.errors import InputError
from common.model_directory import Storage
from common.recurrence import Cell
from common.training import TrainingConfig
from data.captions import missing_images, read_captions
from data.records import CaptionedImage
from data.tidy import tidy_caption


@dataclass(frozen=True)
class CaptionFiles:
    """A collection of captioned images.

    Attributes:
        images: Folder of the images.
        captions: File of the captions, in any format that :func:`data.captions.read_captions` reads.
        names: File with the names of the images to take, one a line; all without.
        split: Split of a Karpathy file to take.
        language: Of the captions.
    """

    images: Path
    captions: Path
    names: Path | None = None
    split: str | None = None
    language: str = "en"

    def read(self) -> list[CaptionedImage]:
        """The images there are, with tidied captions.

        Raises:
            InputError: A file cannot be read, or images are missing.
        """
        records = read_captions(
            self.captions, self.images, names=self.names, split=self.split, language=self.language
        )
        if missing := missing_images(records):
            raise InputError(
                f"{missing[0]}: no such image ({len(missing)} of {len(records)} are missing); "
                f"mend `images`, or list those that are there in a file and give it as `names`"
            )
        return [CaptionedImage(r.image, tuple(map(tidy_caption, r.captions)), r.language) for r in records]


@dataclass(frozen=True)
class ModelSettings:
    """The shape of the model to train.

    Attributes:
        backbone: The ResNet, such as ``"resnet50"``.
        weights: ``"torchvision"``, or a safetensors file with a torchvision ``state_dict``.
        pool_pads_end: See :class:`~captioning.encoder.ImageEncoderConfig`.
        image_size: Side of the square that photographs are squashed to.
        train_last_stage: Whether the ResNet's last stage learns too.
        last_stage_rate: Its learning rate as a share of that of the rest: being pretrained, it
            is to change far less than what starts from nothing.
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
    train_last_stage: bool = True
    last_stage_rate: float = 0.05
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
        if not 0 <= self.last_stage_rate <= 1:
            raise ValueError(f"last_stage_rate must be from 0 to 1, got {self.last_stage_rate}")
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
        data: What to learn from.
        validation: What to measure on.
        features: Folder to keep the features of the frozen stages in.
        model: Shape of the model.
        training: How to train it.
        tokens_per_batch: Most tokens of captions in a batch, padding counted.
        mirror: Whether to show half of the images mirrored.
        mirror_unless: Words in a caption that would no longer be true of a mirrored image.
    """

    output: Path
    data: CaptionFiles
    validation: CaptionFiles
    features: Path = Path("runs/features")
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tokens_per_batch: int = 2400
    mirror: bool = True
    mirror_unless: tuple[str, ...] = (
        "left",
        "right",
        "links",
        "rechts",
        "linke",
        "rechte",
        "linken",
        "rechten",
    )

    def __post_init__(self) -> None:
        if self.tokens_per_batch < 1:
            raise ValueError(f"tokens_per_batch must be at least 1, got {self.tokens_per_batch}")
        if self.data.language != self.validation.language:
            raise ValueError(
                f"validation.language must be that of data, {self.data.language}, "
                f"got {self.validation.language}"
            )
