"""Training a captioner from a recipe."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from captioning.features import cached_features
from captioning.model import CaptionBatch, Captioner
from captioning.recipe import CaptionerRecipe
from common.metrics import caption_scores, caption_words
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, prepare
from common.training_loop import train
from common.validation import Validation
from data.batches import bucket, pad
from data.records import CaptionedImage


def train_captioner(
    recipe: CaptionerRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a captioner; returns the directory of the best model.

    Raises:
        InputError: The data cannot be read, no checkpoint is there to resume from, or training diverged.
    """
    workers, config = prepare(recipe.training), recipe.training
    records, held_out = recipe.data.read(), recipe.validation.read()
    languages = tuple(dict.fromkeys(record.language for record in records))
    tokenizer = _train_tokenizer(records, languages, recipe.model.vocabulary_size)
    captioner = Captioner(recipe.model.captioner(len(tokenizer), languages), tokenizer)
    captioner.encoder.load_pretrained(recipe.model.weights)
    if recipe.model.train_last_stage:
        captioner.encoder.train_last_stage()
    captions = TrainingCaptions(records, tokenizer, recipe)
    scales = {"encoder.": recipe.model.last_stage_rate}
    training = Training(captioner, config, config.epochs * len(captions.plan(0)), scales)
    images = [record.image for record in records + held_out]
    with workers.first_goes_first():
        features = cached_features(captioner.encoder, images, recipe.features, training.autocast())
    weights = sum(parameter.numel() for parameter in captioner.parameters())
    workers.only_first(report)(
        f"{len(records):,} images, {len(tokenizer):,} byte pairs, {weights / 1e6:.1f} million weights"
    )
    train(
        training,
        lambda epoch: Epoch(captions, features, epoch),
        recipe.output,
        validate=lambda: _validate(captioner, features[len(records) :], held_out),
        keep=lambda directory: captioner.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    return recipe.output / "best"


def _train_tokenizer(records: Sequence[CaptionedImage], languages: Sequence[str], size: int) -> Tokenizer:
    """The byte pairs of the captions, with a tag for each language."""
    return Tokenizer.train(
        "byte-pair",
        (caption for record in records for caption in record.captions),
        vocabulary_size=size,
        special_tokens=[f"<{language}>" for language in languages],
    )


class TrainingCaptions:
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


class Epoch:
    """The batches of one epoch, each read from the features when asked for."""

    def __init__(self, captions: TrainingCaptions, features: Tensor, epoch: int) -> None:
        self.captions, self.features, self.epoch = captions, features, epoch
        self.batches = captions.plan(epoch)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.batches)

    def __getitem__(self, place: int, /) -> CaptionBatch:
        """One of them; the same every time."""
        images = self.batches[place]
        random = Random(f"{self.captions.seed}/{self.epoch}/{place}")
        features = self.features[torch.tensor(images)]
        for row, image in enumerate(images):
            if self.captions.may_mirror[image] and random.random() < 0.5:
                # Convolutions look almost the same from both sides: mirroring what they made of
                # the image stands in for mirroring the image.
                features[row] = features[row].flip(1)
        ids = [caption for image in images for caption in self.captions.ids[image]]
        return CaptionBatch(features, torch.tensor(pad(ids, Tokenizer.PAD)))


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
    return Validation(figures, scores.cider_d.value, tuple(samples), "CIDEr-D")
