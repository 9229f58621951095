"""Training a captioner from a recipe."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from captioning.encoder import ImageEncoderConfig
from captioning.features import cached_features
from captioning.model import CaptionBatch, Captioner, CaptionerConfig
from common.decoder import DecoderConfig
from common.errors import InputError
from common.metrics import caption_scores, caption_words
from common.model_directory import Storage
from common.recurrence import Cell
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, TrainingConfig, Validation, choose_device, train
from data.batches import bucket, pad
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


def train_captioner(
    recipe: CaptionerRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a captioner; returns the directory of the best model.

    Raises:
        InputError: The data cannot be read, no checkpoint is there to resume from, or training diverged.
    """
    config = recipe.training
    device = choose_device(config.device)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    records, held_out = recipe.data.read(), recipe.validation.read()
    languages = tuple(dict.fromkeys(record.language for record in records))
    tokenizer = Tokenizer.train(
        "byte-pair",
        (caption for record in records for caption in record.captions),
        vocabulary_size=recipe.model.vocabulary_size,
        special_tokens=[f"<{language}>" for language in languages],
    )
    captioner = Captioner(recipe.model.captioner(len(tokenizer), languages), tokenizer).to(device)
    captioner.encoder.load_pretrained(recipe.model.weights)
    if recipe.model.train_last_stage:
        captioner.encoder.train_last_stage()
    shown = _Shown(records, tokenizer, recipe)
    training = Training(captioner, config, config.epochs * len(shown.plan(0)))
    images = [record.image for record in records + held_out]
    features = cached_features(captioner.encoder, images, recipe.features, training.autocast())
    weights = sum(parameter.numel() for parameter in captioner.parameters())
    report(f"{len(records):,} images, {len(tokenizer):,} byte pairs, {weights / 1e6:.1f} million weights")
    train(
        training,
        lambda epoch: _Epoch(shown, features, epoch),
        recipe.output,
        validate=lambda: _validate(captioner, features[len(records) :], held_out),
        keep=lambda directory: captioner.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


class _Shown:
    """The training captions as ids, and which images may be mirrored."""

    def __init__(
        self, records: Sequence[CaptionedImage], tokenizer: Tokenizer, recipe: CaptionerRecipe
    ) -> None:
        self.tokens_per_batch, self.seed = recipe.tokens_per_batch, recipe.training.seed
        unless = set(recipe.mirror_unless)
        self.ids: list[list[list[int]]] = []
        self.may_mirror: list[bool] = []
        for record in records:
            tag = tokenizer.special(f"<{record.language}>")
            ids = tokenizer.encode_batch(record.captions)
            self.ids.append([[tag, *each[: recipe.model.maximum_length - 1], Tokenizer.EOS] for each in ids])
            words = {word for caption in record.captions for word in caption_words(caption)}
            self.may_mirror.append(recipe.mirror and not words & unless)

    def plan(self, epoch: int) -> list[list[int]]:
        """The images of each batch of an epoch: they have equally many captions, of similar length."""
        random = Random(f"{self.seed}/{epoch}")
        groups: dict[int, list[int]] = {}
        for image, captions in enumerate(self.ids):
            groups.setdefault(len(captions), []).append(image)
        batches = []
        for count, images in sorted(groups.items()):
            lengths = [max(map(len, self.ids[image])) * count for image in images]
            rows = bucket(
                lengths, tokens_per_batch=self.tokens_per_batch, shuffle_seed=random.getrandbits(32)
            )
            batches += [[images[row] for row in batch] for batch in rows]
        random.shuffle(batches)
        return batches


class _Epoch(Sequence[CaptionBatch]):
    """The batches of one epoch, each read from the features when asked for."""

    def __init__(self, shown: _Shown, features: Tensor, epoch: int) -> None:
        self.shown, self.features, self.epoch = shown, features, epoch
        self.batches = shown.plan(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        images = self.batches[place]
        random = Random(f"{self.shown.seed}/{self.epoch}/{place}")
        features = self.features[torch.tensor(images)]
        for row, image in enumerate(images):
            if self.shown.may_mirror[image] and random.random() < 0.5:
                # Convolutions look almost the same from both sides: mirroring what they made of
                # the image stands in for mirroring the image.
                features[row] = features[row].flip(1)
        captions = [caption for image in images for caption in self.shown.ids[image]]
        return CaptionBatch(features, torch.tensor(pad(captions, Tokenizer.PAD)))


def _validate(captioner: Captioner, features: Tensor, records: Sequence[CaptionedImage]) -> Validation:
    """Greedy captions of all validation images; the quality is their CIDEr-D."""
    written = [
        result.text
        for start in range(0, len(records), 64)
        for result in captioner.caption_features(features[start : start + 64], GREEDY)
    ]
    scores = caption_scores(written, [record.captions for record in records])
    figures = {"bleu-4": scores.bleu[3].value, "cider-d": scores.cider_d.value}
    samples = [f"{record.image.name}: {text}" for record, text in zip(records[:3], written, strict=False)]
    return Validation(figures, scores.cider_d.value, tuple(samples))
