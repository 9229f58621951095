"""Training steps of the three applications, in target tokens a second; the translator's beside the peers'."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from captioning.batches import CaptionBatch
from captioning.model import Captioner
from common.generation.batches import TextBatches
from common.generation.model import LanguageModel
from common.tokenizer import Tokenizer
from common.training import Training, TrainingConfig
from data.batches import pad
from data.captions import read_captions
from tests.benchmarks import limits
from tests.benchmarks.captioning import FLICKR8K, photographs
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.peers import Peer, running
from tests.benchmarks.timing import Work, clocked, in_rounds
from translation.corpus import Corpus
from translation.model import Translator
from translation.recipe import PairFiles, TranslatorRecipe
from translation.splitting import Collection

MULTI30K = Path("datasets/multi30k")
SHAKESPEARE = Path("datasets/tinyshakespeare/input.txt")
PEER_BATCH = 32

FORWARD_AND_BACKWARD = 3
"""A step computes as much as three times reading the batch: the gradient of activations and of weights."""


@dataclass
class Steps:
    """Training steps; a call returns their seconds for a target token."""

    training: Training
    batches: Sequence[Any]
    count: int

    def __call__(self) -> float:
        tokens = 0

        def learn() -> None:
            nonlocal tokens
            for batch in islice(cycle(self.batches), self.count):
                tokens += self.training.step(batch).tokens

        seconds = clocked(learn)()
        return seconds / tokens


@dataclass(frozen=True)
class PeerSteps:
    """Training steps of a peer; a call returns their seconds for a target token."""

    peer: Peer
    count: int
    threads: int

    def __call__(self) -> float:
        answer = self.peer.train(self.count, PEER_BATCH, self.threads)
        return float(answer["seconds"]) / int(answer["tokens"])


def measure(settings: Settings) -> Outcome:
    """Target tokens a second of each application."""
    torch.set_num_threads(settings.threads)
    outcome, count = Outcome(), 1 if settings.quick else 20
    with running(settings, trained=False) as peers:
        for name, steps, operations in (
            (f"translator, {PEER_BATCH} sentences", *_translator(settings.translator, count, PEER_BATCH)),
            ("translator, best", *_translator(settings.translator, count, None)),
            ("captioner", *_captioner(count, 4 if settings.quick else 64)),
            ("language model", *_language_model(count)),
        ):
            products = limits.all_kinds(limits.MOST_ROWS)
            del products["int8 products"]  # nothing learns from so few steps
            beside = peers if str(PEER_BATCH) in name else {}
            asked = {
                peer: PeerSteps(each, 2 if settings.quick else count, settings.threads)
                for peer, each in beside.items()
            }
            works: dict[str, Work] = {**products, **asked, "ours": steps}
            seconds = in_rounds(works, settings.rounds, warm_up=not settings.quick)
            limit_name, rate = limits.best_rate(products, seconds)
            shown, speed = f"training, {name}", 1 / seconds["ours"]
            outcome.measurements.append(Measurement(shown, speed, "tokens/s", limit_name, rate / operations))
            outcome.measurements += [
                Measurement(shown, speed, "tokens/s", peer, 1 / seconds[peer]) for peer in asked
            ]
    return outcome


def _translator(directory: Path | None, count: int, sentences: int | None) -> tuple[Steps, float]:
    """Steps of a model's shape on Multi30k, in batches of so many sentences or of a recipe's size;
    operations a token.
    """
    translator = Translator.load(directory, device="cpu")
    files = PairFiles(MULTI30K / "train.de.gz", "de", "en", MULTI30K / "train.en.gz", both_ways=False)
    pairs = files.read()[: count * 256]
    recipe = TranslatorRecipe(Path("unused"), (files,))
    corpus = Corpus(translator, [Collection(files, pairs)], recipe)
    batches = corpus.batches(pairs, seed=1)
    if sentences:
        # Of similar lengths, as training's own batches and OpenNMT-py's are; of every length as many.
        pairs.sort(key=lambda pair: len(pair.source))
        few = (pairs[start : start + sentences] for start in range(0, len(pairs), len(pairs) // count))
        batches = [batch for each in few for batch in corpus.batches(each, seed=None)]
    batches = batches[:count]
    sources = sum(int(batch.source_lengths.sum()) for batch in batches)
    targets = sum(_real(batch.target) for batch in batches)
    rows = sum(len(batch.target) for batch in batches)
    operations = FORWARD_AND_BACKWARD * limits.translating(translator, sources, targets, rows, 1)
    return Steps(_training(translator), batches, count), operations / targets


def _captioner(count: int, images: int) -> tuple[Steps, float]:
    """Steps on the features of photographs and their captions; operations a token."""
    captioner = Captioner.load(device="cpu")
    files = photographs(images)
    pixels = np.stack([captioner.pixels(path) for path in files])
    with torch.inference_mode():
        features = captioner.encoder.early(torch.from_numpy(pixels)).to(torch.bfloat16)
    records = read_captions(FLICKR8K / "Flickr8k.token.txt", FLICKR8K / "images")
    texts = {record.image.name: record.captions for record in records}
    captions = [caption for path in files for caption in texts[path.name]]
    tag = captioner.language_tag(None)
    ids = [[tag, *each, Tokenizer.EOS] for each in captioner.tokenizer.encode_batch(captions)]
    batch = CaptionBatch(features.clone(), torch.tensor(pad(ids, Tokenizer.PAD)))
    targets = _real(batch.captions)
    item, place, token = limits.reading(captioner.decoder)
    place += limits.weights(captioner.project)
    places = images * captioner.config.encoder.places
    operations = FORWARD_AND_BACKWARD * 2.0 * (item * images + place * places + token * targets)
    return Steps(_training(captioner), [batch], count), operations / targets


def _language_model(count: int) -> tuple[Steps, float]:
    """Steps on tiny Shakespeare; operations a token."""
    model = LanguageModel.load(device="cpu")
    ids = torch.tensor(model.tokenizer.encode(SHAKESPEARE.read_text(encoding="utf-8")[:500_000]))
    batches = TextBatches(ids, window=128, streams=32)
    token = limits.reading(model.decoder)[2]
    steps = Steps(_training(model), [batches[place] for place in range(count)], count)
    return steps, FORWARD_AND_BACKWARD * 2.0 * token


def _training(model: torch.nn.Module) -> Training:
    return Training(model, TrainingConfig(device="cpu"), total_steps=10_000)


def _real(targets: torch.Tensor) -> int:
    """How many tokens are to be foreseen: all but the first of each row and padding."""
    return int((targets[:, 1:] != Tokenizer.PAD).sum())
