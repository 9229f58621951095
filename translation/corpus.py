"""What a translator is trained on: each epoch's sentence pairs, changed a little, in batches."""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import torch

from common.errors import InputError
from common.tokenizer import Tokenizer
from data.batches import bucket, pad
from data.records import SentencePair
from translation.dictionary import outside_hints, without_hints
from translation.model import Translator
from translation.placeholders import mask_shared
from translation.recipe import TranslatorRecipe
from translation.records import TranslationBatch
from translation.rewards import Reference, RewardBatch
from translation.splitting import Collection

UNHINTED = 0.1
"""Share of the pairs that are read without hints, as they are where none are known."""

_Encoded = tuple[list[int], list[int]]


class Corpus:
    """The training pairs, of which each epoch draws its batches."""

    def __init__(
        self, translator: Translator, collections: Sequence[Collection], recipe: TranslatorRecipe
    ) -> None:
        self.tokenizer, self.languages = translator.tokenizer, translator.languages
        self.limit, self.recipe = translator.config.maximum_length, recipe
        self.has_hints = bool(translator.dictionary)
        self._whole: dict[str, list[int]] = {}
        self.collections = [self.fitting(collection) for collection in collections]

    def fitting(self, collection: Collection) -> Collection:
        """The collection without the pairs that are longer than the model takes.

        Raises:
            InputError: None are left.
        """
        encoded = self._encode(collection.pairs)
        pairs = [pair for pair, each in zip(collection.pairs, encoded, strict=True) if self._fits(each)]
        if not pairs:
            raise InputError(
                f"{collection.files.source}: all pairs are longer than {self.limit} tokens; "
                f"split them, or raise model.maximum_length"
            )
        return replace(collection, pairs=pairs)

    def epoch(self, number: int) -> list[TranslationBatch] | list[RewardBatch]:
        """The batches of an epoch: of each collection its share, drawn anew, some pairs changed a little."""
        random = Random(f"{self.recipe.training.seed}/{number}")
        drawn: list[SentencePair] = []  # with the hints of rare words
        for each in self.collections:
            times, rest = divmod(max(1, round(each.files.share * len(each.pairs))), len(each.pairs))
            drawn += [*list(each.pairs) * times, *random.sample(each.pairs, rest)]
        chosen = [random.random() < self.recipe.augmentation for _ in drawn]
        pairs = [augment(pair, random) if each else pair for pair, each in zip(drawn, chosen, strict=True)]
        if self.has_hints:
            pairs = [_unhinted(pair) if random.random() < UNHINTED else pair for pair in pairs]
        batches = self.batches(pairs, seed=random.getrandbits(32), cuts=random)
        reward = self.recipe.reward
        if reward is None:
            return batches
        return [RewardBatch(each, self._references(each), reward, random.getrandbits(32)) for each in batches]

    def _references(self, batch: TranslationBatch) -> list[Reference]:
        """What translations of the batch's sources are rewarded by."""
        return [Reference(text) for text in self.tokenizer.decode_batch(batch.target[:, 1:].tolist())]

    def batches(
        self, pairs: Sequence[SentencePair], seed: int | None, cuts: Random | None = None
    ) -> list[TranslationBatch]:
        """Batches of pairs of similar length, each into one language, without what a change made too long.

        Args:
            pairs: The sentences.
            seed: For the order of the batches; None has the longest first.
            cuts: Draws where to cut words if the recipe has ``word_cuts``; None leaves them whole.
        """
        encoded = self._encode(pairs, cuts)
        rows = [row for row, each in enumerate(encoded) if self._fits(each)]
        batches: list[list[int]] = []
        for language in sorted({pairs[row].target_language for row in rows}):
            same = [row for row in rows if pairs[row].target_language == language]
            lengths = [_length(encoded[row]) for row in same]
            buckets = bucket(lengths, tokens_per_batch=self.recipe.tokens_per_batch, shuffle_seed=seed)
            batches += [[same[place] for place in each] for each in buckets]
        if seed is None:
            batches.sort(key=lambda batch: -_length(encoded[batch[0]]))
        else:
            Random(seed).shuffle(batches)
        return [self._batch([pairs[row] for row in each], [encoded[row] for row in each]) for each in batches]

    def _fits(self, encoded: _Encoded) -> bool:
        return _length(encoded) <= self.limit

    def _batch(self, pairs: Sequence[SentencePair], encoded: Sequence[_Encoded]) -> TranslationBatch:
        tags = [self.tokenizer.special(f"<{pair.target_language}>") for pair in pairs]
        read = [[*source, Tokenizer.EOS] for source, _ in encoded]
        written = [[tag, *target, Tokenizer.EOS] for tag, (_, target) in zip(tags, encoded, strict=True)]
        return TranslationBatch(
            torch.tensor(pad(read, Tokenizer.PAD)),
            torch.tensor([len(each) for each in read]),
            torch.tensor([self.languages.index(pair.source_language) for pair in pairs]),
            torch.tensor(pad(written, Tokenizer.PAD)),
        )

    def _encode(self, pairs: Sequence[SentencePair], cuts: Random | None = None) -> list[_Encoded]:
        """Source and target of each pair as token ids, with words cut if ``cuts`` says where."""
        texts = [text for pair in pairs for text in (pair.source, pair.target)]
        if cuts is None or self.recipe.word_cuts == 0:
            new = list(dict.fromkeys(text for text in texts if text not in self._whole))
            self._whole.update(zip(new, self.tokenizer.encode_batch(new), strict=True))
            ids = [self._whole[text] for text in texts]
        else:
            parts = [cut_words(text, self.recipe.word_cuts, cuts) for text in texts]
            ids = self.tokenizer.encode_parts(parts)
        return list(zip(ids[::2], ids[1::2], strict=True))


def _length(encoded: _Encoded) -> int:
    """The tokens of the longer side, with those for beginning and end."""
    return max(map(len, encoded)) + 2


def cut_words(text: str, rate: float, random: Random) -> list[str]:
    """Cut a text between letters, so that a word is read in several spellings, and rare words in parts.

    Each part is then encoded alone: no byte pair goes across a cut. Instead of leaving out
    merges at random (BPE-dropout, Provilkov et al., 2020, arXiv:1910.13267), which the tokenizer's
    library cannot repeat from a seed, its merges are kept from certain places.

    Args:
        text: What to cut.
        rate: Share of the places between two letters to cut at, above 0.
        random: Where.

    Returns:
        The parts, which together are the text.
    """
    parts, start, place = [], 0, 0
    while (place := place + _until_next(rate, random)) < len(text):
        if text[place - 1].isalpha() and text[place].isalpha():
            parts.append(text[start:place])
            start = place
    return [*parts, text[start:]]


def _until_next(rate: float, random: Random) -> int:
    """Places to the next of those that are drawn with a chance of ``rate`` each, at least 1."""
    return 1 if rate == 1 else 1 + int(math.log1p(-random.random()) / math.log1p(-rate))


def augment(pair: SentencePair, random: Random) -> SentencePair:
    """Change a pair as users' sentences differ from those of a corpus, so that it still translates."""
    source, target, chance = pair.source, pair.target, random.random()
    if chance < 0.15:
        source = outside_hints(source, str.lower)
    elif chance < 0.4 and source.endswith(".") and target.endswith("."):
        source, target = source[:-1], target[:-1]
    else:
        source, target = mask_shared(source, target, random)
    return replace(pair, source=source, target=target)


def _unhinted(pair: SentencePair) -> SentencePair:
    return replace(pair, source=without_hints(pair.source))
