from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from captioning.corpus import Corpus, Epoch
from captioning.recipe import CaptionFiles
from captioning.rewards import END, RewardSettings
from captioning.splitting import Collection
from common.metrics import CiderD
from common.tokenizer import Tokenizer
from data.records import CaptionedImage


def record(number, *captions, language="en"):
    return CaptionedImage(Path(f"{number}.jpg"), captions, language)


def corpus_of(recipe, *collections, shares=(1.0, 1.0, 1.0)):
    """Of lists of records, images being numbered as they are called."""
    made = [
        Collection(CaptionFiles(Path(), share=share, language=records[0].language), records)
        for records, share in zip(collections, shares, strict=False)
    ]
    tokenizer = Tokenizer.train(
        "byte-pair",
        [caption for records in collections for each in records for caption in each.captions],
        vocabulary_size=300,
        special_tokens=["<en>", "<de>"],
    )
    images = [Path(f"{number}.jpg") for number in range(400)]
    return Corpus(made, images, tokenizer, recipe, recipe.model.maximum_length)


MIXED = [record(n, *[f"picture {n} is number {k}" for k in range(1 + n % 3)]) for n in range(30)]
NUMBERED = torch.arange(400.0).view(400, 1, 1, 1).expand(400, 1, 2, 8).bfloat16()
"""Features that say which image they are of."""


def shown(batch):
    """The image and the captions, as ids without padding, of each row of a batch."""
    images = [int(image[0, 0, 0]) for image in batch.features]
    rows = batch.captions.view(len(images), -1, batch.captions.size(1)).tolist()
    return [
        (image, [[token for token in row if token != Tokenizer.PAD] for row in group])
        for image, group in zip(images, rows, strict=True)
    ]


def test_an_epoch_shows_each_image_once_with_all_of_its_captions(recipe):
    corpus = corpus_of(recipe, MIXED)
    seen, epoch = Counter(), Epoch(corpus, NUMBERED, 3)
    items = {item.image: item for _, items in corpus.collections for item in items}
    for place in range(len(epoch)):
        batch = epoch[place]
        assert batch.captions.numel() <= 400
        for image, captions in shown(batch):
            assert captions == items[image].captions
            seen[image] += 1
    assert seen == Counter(range(30))


def test_there_are_no_more_images_in_a_batch_than_may_be(recipe):
    corpus = corpus_of(replace(recipe, images_per_batch=4), [record(n, "a dog") for n in range(30)])
    assert sorted(Counter(map(len, corpus.plan(0))).items()) == [(2, 1), (4, 7)]


def test_captions_are_cut_at_the_greatest_length(recipe):
    short = replace(recipe, model=replace(recipe.model, maximum_length=5))
    corpus = corpus_of(short, [record(0, "a very long caption that goes on and on", "no")])
    long, ids = corpus.collections[0][1][0].captions
    assert len(long) == 6  # the tag of the language, then five tokens, of which the end is one
    assert long[0] == ids[0] == 4
    assert long[-1] == ids[-1] == Tokenizer.EOS


GERMAN = [record(n, f"Bild {n}", language="de") for n in range(10, 40)]


def test_captions_of_an_image_come_together_in_all_languages(recipe):
    corpus = corpus_of(recipe, MIXED, GERMAN)
    tags = {}
    for batch in (epoch := Epoch(corpus, NUMBERED, 0)).batches:
        assert len({len(item.captions) for item in batch}) == 1
    for place in range(len(epoch)):
        for image, captions in shown(epoch[place]):
            tags[image] = Counter(caption[0] for caption in captions)
    for image in range(40):
        english = 1 + image % 3 if image < 30 else 0
        assert tags[image] == +Counter({4: english, 5: int(image >= 10)})


def test_a_share_is_drawn_anew_for_each_epoch(recipe):
    corpus = corpus_of(recipe, MIXED, GERMAN, shares=(1.0, 0.2))

    def drawn(number):
        items = [item for batch in corpus.plan(number) for item in batch]
        return {item.image for item in items if any(ids[0] == 5 for ids in item.captions)}

    assert len(drawn(0)) == len(drawn(1)) == 6
    assert drawn(0) != drawn(1)


@pytest.mark.parametrize("augmentation", [False, True])
def test_an_epoch_is_the_same_every_time_and_the_next_is_another(recipe, augmentation):
    corpus = corpus_of(replace(recipe, augmentation=augmentation), MIXED)
    pictures = torch.randint(256, (400, 8, 8, 3), dtype=torch.uint8)
    first, again, other = (Epoch(corpus, pictures, number) for number in (1, 1, 2))
    for place in reversed(range(len(first))):  # whichever is asked for first
        assert torch.equal(first[place].features, again[place].features)
        assert torch.equal(first[place].captions, again[place].captions)
    in_order = Epoch(corpus, pictures, 1)  # and whether or not it has been made beside
    assert all(torch.equal(in_order[n].features, first[n].features) for n in range(len(first)))
    assert first.batches != other.batches


def test_mirrored_are_half_of_the_images_without_left_or_right_in_any_caption(recipe):
    records = [record(n, "a dog", "One dog.") for n in range(200)]
    records += [record(n, "a dog", "To the LEFT, a dog") for n in range(200, 300)]
    german = [record(n, "am linken Rand", language="de") for n in range(100, 150)]
    corpus = corpus_of(recipe, records, german)
    one = torch.arange(6.0).view(1, 1, 3, 2)  # three places beside each other, of two channels
    features = one.expand(300, 1, 3, 2).clone()
    turned = Counter()
    for number in range(4):
        epoch = Epoch(corpus, features, number)
        for place, items in enumerate(epoch.batches):
            for item, found in zip(items, epoch[place].features, strict=True):
                mirrored = found[0, :, 0].tolist() == [4.0, 2.0, 0.0]
                assert mirrored or torch.equal(found, one[0])
                assert found[0, :, 1].tolist() == ([5.0, 3.0, 1.0] if mirrored else [1.0, 3.0, 5.0])
                turned[item.image] += mirrored
    free = [*range(100), *range(150, 200)]
    assert 220 < sum(turned[image] for image in free) < 380
    assert sum(turned.values()) == sum(turned[image] for image in free)
    assert {turned[image] for image in free} == {0, 1, 2, 3, 4}  # drawn anew each time
    assert torch.equal(features, one.expand(300, 1, 3, 2))  # the features themselves stay


def test_augmented_are_the_pixels_each_otherwise_in_each_epoch(recipe):
    corpus = corpus_of(replace(recipe, augmentation=True, mirror=False), [record(0, "a dog")])
    pictures = torch.randint(256, (1, 16, 16, 3), dtype=torch.uint8)
    kept = pictures.clone()
    first, second = (Epoch(corpus, pictures, number)[0].features for number in (0, 1))
    assert first.dtype == torch.uint8
    assert not torch.equal(first, second)
    assert not torch.equal(first, pictures)
    assert torch.equal(pictures, kept)


def test_mirroring_can_be_turned_off_and_other_words_given(recipe):
    records = [record(0, "links ein Hund"), record(1, "a dog"), record(2, "port side")]

    def mirrored(**changes):
        return corpus_of(replace(recipe, **changes), records).mirrored

    assert mirrored() == {1, 2}
    assert mirrored(mirror=False) == set()
    assert mirrored(mirror_unless=("port",)) == {0, 1}


def test_batches_for_a_reward_are_of_each_language_apart_with_all_references(recipe):
    """Also when only some captions are drawn; document frequencies are of the language."""
    settings = RewardSettings(samples=2)
    more = [record(n, f"ein Bild {n}", language="de") for n in range(10, 40)]
    corpus = corpus_of(replace(recipe, reward=settings), MIXED, GERMAN, more, shares=(1.0, 1.0, 0.1))
    epoch, seen = Epoch(corpus, NUMBERED, 0), Counter()
    german = [[["bild", str(n), END], ["ein", "bild", str(n), END]] for n in range(10, 40)]
    for place in range(len(epoch)):
        batch = epoch[place]
        assert batch.settings == settings
        for (image, captions), references in zip(shown(batch.truth), batch.references, strict=True):
            (tag,) = {caption[0] for caption in captions}
            seen[image, tag] += 1
            if tag == 5:
                assert references.words == german[image - 10]
                assert references.cider.holding == CiderD(german).holding
            else:
                assert [words[-2:] for words in references.words] == [
                    [str(k), END] for k in range(1 + image % 3)
                ]
    assert seen == Counter([(image, 4) for image in range(30)] + [(image, 5) for image in range(10, 40)])
    seeds = {epoch[place].seed for place in range(len(epoch))}
    assert len(seeds) == len(epoch)
