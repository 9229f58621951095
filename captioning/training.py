"""Training a captioner from a recipe."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from captioning.consensus import FEWEST, Consensus
from captioning.corpus import Corpus, Epoch
from captioning.features import cached_features, cached_pixels
from captioning.fine_tuning import start_from
from captioning.model import Captioner
from captioning.recipe import CaptionerRecipe
from captioning.scores import caption_scores
from captioning.splitting import Collection, read_collections
from common.errors import InputError
from common.sampling import GREEDY
from common.tokenizer import Tokenizer
from common.training import Training, prepare
from common.training_loop import train
from common.validation import Validation


def train_captioner(
    recipe: CaptionerRecipe, *, resume: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Train a captioner; returns the directory of the best model.

    Raises:
        InputError: The data or the model to start from cannot be read, no checkpoint is there to
            resume from, or training diverged.
    """
    workers, config = prepare(recipe.training), recipe.training
    shown, held_out = read_collections(recipe)
    captioner = _captioner(recipe, shown)
    _check_languages(captioner, held_out)
    images = list(dict.fromkeys(record.image for each in [*shown, *held_out] for record in each.records))
    corpus = Corpus(shown, images, captioner.tokenizer, recipe, captioner.config.maximum_length)
    captioner.encoder.train_stages(recipe.model.trained_stages)
    training = Training(
        captioner, config, config.epochs * len(corpus.plan(0)), {"encoder.": recipe.model.encoder_rate}
    )
    workers.only_first(report)(_summary(captioner, shown, held_out))
    with workers.first_goes_first():
        if recipe.augmentation or recipe.model.trained_stages == len(captioner.encoder.parts):
            pictures = cached_pixels(captioner, images, recipe.features)
        else:
            pictures = cached_features(captioner, images, recipe.features, training.autocast())
    places = {image: place for place, image in enumerate(images)}
    train(
        training,
        lambda epoch: Epoch(corpus, pictures, epoch),
        recipe.output,
        validate=lambda: _validate(captioner, pictures, held_out, places),
        keep=lambda directory: captioner.save(directory, recipe.model.storage),
        resume=resume,
        report=report,
    )
    best = recipe.output / "best"
    if workers.is_first:
        _remember(best, recipe, shown, pictures, places)
    return best


def _remember(
    directory: Path,
    recipe: CaptionerRecipe,
    shown: Sequence[Collection],
    pictures: Tensor,
    places: dict[Path, int],
) -> None:
    """Put on record which photographs the model in ``directory`` has learned from, and their phrases.

    Of fewer than :data:`captioning.consensus.FEWEST` nothing is.
    """
    records = [record for each in shown for record in each.records]
    rows = {image: row for row, image in enumerate(dict.fromkeys(record.image for record in records))}
    if len(rows) < FEWEST:
        return
    captions: dict[str, dict[int, list[str]]] = {}
    for record in records:
        written = captions.setdefault(record.language, {}).setdefault(rows[record.image], [])
        written.extend(record.captions)
    captioner = Captioner.load(directory, device=recipe.training.device)
    captioner.encoder.train_stages(recipe.model.trained_stages)
    chosen = torch.tensor([places[image] for image in rows])
    with torch.inference_mode():
        summaries = [
            captioner.encode(pictures[part])[0].float().cpu()
            for part in tqdm(torch.split(chosen, 64), desc="similar photographs", unit="batch", disable=None)
        ]
    Consensus.of(torch.cat(summaries), captions).save(directory)


def _captioner(recipe: CaptionerRecipe, collections: Sequence[Collection]) -> Captioner:
    """The captioner before it has learned from the collections."""
    languages = tuple(dict.fromkeys(each.files.language for each in collections))
    if recipe.start_from:
        return start_from(recipe.start_from, languages, recipe.model.dropout)
    tokenizer = Tokenizer.train(
        "byte-pair",
        (text for each in collections for record in each.records for text in record.captions),
        vocabulary_size=recipe.model.vocabulary_size,
        special_tokens=[f"<{language}>" for language in languages],
    )
    captioner = Captioner(recipe.model.captioner(len(tokenizer), languages), tokenizer)
    captioner.encoder.load_pretrained(recipe.model.weights)
    return captioner


def _check_languages(captioner: Captioner, held_out: Sequence[Collection]) -> None:
    known = captioner.config.languages
    for each in held_out:
        if each.files.language not in known:
            raise InputError(
                f"validation is in {each.files.language}, which no training captions are; "
                f"there are {', '.join(known)}"
            )


def _summary(captioner: Captioner, shown: Sequence[Collection], held_out: Sequence[Collection]) -> str:
    """What is trained on what, for the person who waits."""
    counts = [len({record.image for each in part for record in each.records}) for part in (shown, held_out)]
    captions = sum(len(record.captions) for each in shown for record in each.records)
    parameters = list(captioner.parameters())
    weights, learning = (
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad or every) / 1e6
        for every in (True, False)
    )
    return (
        f"{counts[0]:,} images with {captions:,} captions and {counts[1]:,} images to validate on, "
        f"{len(captioner.tokenizer):,} byte pairs, {learning:.1f} of {weights:.1f} million weights learn"
    )


def _validate(
    captioner: Captioner, pictures: Tensor, held_out: Sequence[Collection], places: dict[Path, int]
) -> Validation:
    """Greedy captions of all validation images; the quality is their CIDEr-D, averaged over collections."""
    figures: dict[str, float] = {}
    samples, qualities = [], []
    for each in held_out:
        language, records, written = each.files.language, each.records, list[str]()
        for start in range(0, len(records), 64):
            rows = torch.tensor([places[record.image] for record in records[start : start + 64]])
            results = captioner.caption_pixels(pictures[rows], GREEDY, language=language)
            written += [result.text for result in results]
        scores = caption_scores(written, [record.captions for record in records], language=language)
        qualities.append(scores.cider_d.value)
        found = {"bleu-4": scores.bleu[3].value, "cider-d": qualities[-1]}
        # What the scores do not see.
        found |= {"words": scores.wording.distinct_words, "looping": scores.wording.looping}
        if scores.wording.unfinished is not None:
            found["unfinished"] = scores.wording.unfinished
        for name, value in found.items():
            figures[" ".join(filter(None, [name, each.files.name, language]))] = value
        pairs = zip(records[:3], written, strict=False)
        samples += [f"{record.image.name}: {text}" for record, text in pairs]
    return Validation(figures, sum(qualities) / len(qualities), tuple(samples), "CIDEr-D")
