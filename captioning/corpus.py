"""The captions and pictures to learn from, and the batches of each epoch."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from captioning.augmentation import augment, may_be_mirrored
from captioning.batches import CaptionBatch
from captioning.recipe import CaptionerRecipe
from captioning.rewards import References, RewardBatch, reference_words
from captioning.splitting import Collection
from common.metrics import CiderD
from common.tokenizer import Tokenizer
from common.workers import Workers
from data.batches import bucket, pad

Ids = list[int]


@dataclass(frozen=True)
class Item:
    """An image and captions of it to learn in one go.

    Attributes:
        image: Its place among the images.
        captions: Language tag, caption and end-of-sentence of each.
        language: Of the captions, where they are all of one.
    """

    image: int
    captions: Sequence[Ids]
    language: str


class Corpus:
    """The training captions as ids, and what is known of their images."""

    def __init__(
        self,
        collections: Sequence[Collection],
        images: Sequence[Path],
        tokenizer: Tokenizer,
        recipe: CaptionerRecipe,
        maximum_length: int,
    ) -> None:
        """Encode the captions.

        Args:
            collections: What to learn from.
            images: All images, in the order of the pictures that :class:`Epoch` takes.
            tokenizer: Of the model, with a tag for each language.
            recipe: How to learn.
            maximum_length: Most tokens of a caption; longer ones are cut off.
        """
        self.recipe = recipe
        places = {image: place for place, image in enumerate(images)}
        self.collections: list[tuple[float, list[Item]]] = []
        texts: dict[int, list[str]] = {}
        for collection in collections:
            items = []
            for record in collection.records:
                tag = tokenizer.special(f"<{record.language}>")
                ids = [
                    [tag, *each[: maximum_length - 1], Tokenizer.EOS]
                    for each in tokenizer.encode_batch(record.captions)
                ]
                items.append(Item(places[record.image], ids, record.language))
                texts.setdefault(places[record.image], []).extend(record.captions)
            self.collections.append((collection.files.share, items))
        unless = set(recipe.mirror_unless)
        self.mirrored = {
            image for image, captions in texts.items() if recipe.mirror and may_be_mirrored(captions, unless)
        }
        self.references = _references(collections, places) if recipe.reward else {}

    def plan(self, epoch: int) -> list[list[Item]]:
        """The items of each batch of an epoch: they have equally many captions, of similar length."""
        random = Random(f"{self.recipe.training.seed}/{epoch}")
        groups: dict[int, list[Item]] = {}
        for item in self._drawn(random):
            groups.setdefault(len(item.captions), []).append(item)
        # An item is at least so long that no more of them fit into a batch than may be.
        tokens = self.recipe.tokens_per_batch
        least = -(-tokens // self.recipe.images_per_batch)
        batches = []
        for count, items in sorted(groups.items()):
            lengths = [max(least, count * max(map(len, item.captions))) for item in items]
            rows = bucket(lengths, tokens_per_batch=tokens, shuffle_seed=random.getrandbits(32))
            batches += [[items[row] for row in batch] for batch in rows]
        random.shuffle(batches)
        return batches

    def _drawn(self, random: Random) -> list[Item]:
        """Of each collection its share; captions of one image are put together.

        For a reward, in each language apart: every caption is compared with those of its language.
        """
        together: dict[tuple[int, str], list[Ids]] = {}
        for share, items in self.collections:
            for item in random.sample(items, max(1, round(share * len(items)))):
                key = item.image, item.language if self.recipe.reward else ""
                together.setdefault(key, []).extend(item.captions)
        return [Item(image, captions, language) for (image, language), captions in together.items()]


def _references(
    collections: Sequence[Collection], places: dict[Path, int]
) -> dict[tuple[int, str], References]:
    """What to reward captions by, for each image and language."""
    words: dict[tuple[int, str], list[list[str]]] = {}
    for collection in collections:
        for record in collection.records:
            key = places[record.image], record.language
            words.setdefault(key, []).extend(map(reference_words, record.captions))
    scorers = {
        language: CiderD([group for (_, other), group in words.items() if other == language])
        for language in {language for _, language in words}
    }
    return {key: References(scorers[key[1]], group) for key, group in words.items()}


class Epoch:
    """The batches of one epoch; while one is learned from, the next is made beside."""

    def __init__(self, corpus: Corpus, pictures: Tensor, number: int) -> None:
        """Plan the epoch.

        Args:
            corpus: What to learn from.
            pictures: Pixels, uint8 (images, image_size, image_size, 3), or features of the
                images, (images, height, width, channels); they stay as they are.
            number: Of the epoch.
        """
        self.corpus, self.pictures, self.number = corpus, pictures, number
        self.batches = corpus.plan(number)
        self.helper, self.coming = ThreadPoolExecutor(1), dict[int, Future[CaptionBatch | RewardBatch]]()

    def __len__(self) -> int:
        """How many there are."""
        return len(self.batches)

    def __getitem__(self, place: int, /) -> CaptionBatch | RewardBatch:
        """One of them; the same every time."""
        coming = self.coming.pop(place, None)
        batch = coming.result() if coming else self._make(place)
        following = place + Workers.join().count
        if following < len(self):
            self.coming[following] = self.helper.submit(self._make, following)
        return batch

    def _make(self, place: int) -> CaptionBatch | RewardBatch:
        recipe, items = self.corpus.recipe, self.batches[place]
        random = Random(f"{recipe.training.seed}/{self.number}/{place}")
        pictures = self.pictures[torch.tensor([item.image for item in items])]
        for row, item in enumerate(items):
            if item.image in self.corpus.mirrored and random.random() < 0.5:
                # Of features: convolutions look almost the same from both sides, so mirroring
                # what they made of the image stands in for mirroring the image.
                pictures[row] = pictures[row].flip(1)
            if recipe.augmentation:
                pictures[row] = torch.from_numpy(augment(pictures[row].numpy(), random))
        captions = torch.tensor(pad([ids for item in items for ids in item.captions], Tokenizer.PAD))
        batch = CaptionBatch(pictures, captions)
        if recipe.reward is None:
            return batch
        references = [self.corpus.references[item.image, item.language] for item in items]
        return RewardBatch(batch, references, recipe.reward, random.getrandbits(32))
