from collections import Counter
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from captioning.recipe import CaptionerRecipe, CaptionFiles, ModelSettings
from captioning.training import Epoch, TrainingCaptions, train_captioner
from common.config import as_values, build
from common.errors import InputError
from common.tokenizer import Tokenizer
from common.training import TrainingConfig
from data.records import CaptionedImage
from data.synthetic import write_shapes

QUICK = TrainingConfig(epochs=2, warmup_steps=2, device="cpu", precision="float32")


@pytest.fixture
def recipe(tmp_path, weights):
    data = [
        CaptionFiles(tmp_path / name, write_shapes(tmp_path / name, count, seed, size=32))
        for name, count, seed in (("shown", 16, 1), ("held-out", 4, 2))
    ]
    model = ModelSettings(
        backbone="resnet18",
        weights=str(weights),
        image_size=32,
        vocabulary_size=270,
        embedding_size=16,
        decoder_size=16,
        decoder_layers=1,
        heads=2,
        maximum_length=60,
        storage="float32",
    )
    return CaptionerRecipe(
        output=tmp_path / "out",
        data=data[0],
        validation=data[1],
        features=tmp_path / "features",
        model=model,
        training=QUICK,
        tokens_per_batch=400,
    )


def test_resumed_training_is_as_never_stopped(recipe, tmp_path, kill, assert_same_run):
    """With the network's last stage learning, whose filters lie in memory in an order of their own."""
    whole = replace(
        recipe,
        model=replace(recipe.model, last_stage_rate=1.0),
        training=replace(QUICK, precision="bfloat16"),
    )
    train_captioner(whole)
    parts = replace(whole, output=tmp_path / "parts")
    often = replace(parts, training=replace(whole.training, save_minutes=0.0))
    kill(3, lambda: train_captioner(often))
    torch.rand(3)
    train_captioner(parts, resume=True)
    assert_same_run(whole.output, parts.output)


def test_only_what_is_told_to_learn_changes(recipe, weights, tmp_path):
    pretrained = load_file(weights)
    for train_last_stage in (True, False):
        settings = replace(recipe.model, train_last_stage=train_last_stage)
        best = train_captioner(
            replace(
                recipe,
                output=tmp_path / str(train_last_stage),
                model=settings,
                training=replace(QUICK, epochs=1),
            )
        )
        learned = load_file(best / "model.safetensors")
        assert torch.equal(learned["encoder.stem.0.weight"], pretrained["conv1.weight"])
        assert torch.equal(learned["encoder.stages.2.1.conv2.weight"], pretrained["layer3.1.conv2.weight"])
        assert torch.equal(
            learned["encoder.stages.3.0.bn1.running_mean"], pretrained["layer4.0.bn1.running_mean"]
        )
        same = torch.equal(learned["encoder.stages.3.0.conv1.weight"], pretrained["layer4.0.conv1.weight"])
        assert same != train_last_stage
    assert len(list((tmp_path / "features").iterdir())) == 1  # the frozen stages are the same in both


def record(name, *captions):
    return CaptionedImage(name, captions)


def training_captions(recipe, records):
    tokenizer = Tokenizer.train(
        "byte-pair",
        [caption for each in records for caption in each.captions],
        vocabulary_size=300,
        special_tokens=["<en>"],
    )
    return TrainingCaptions(records, tokenizer, recipe)


MIXED = [record(f"{n}.jpg", *[f"picture {n} is number {k}" for k in range(1 + n % 3)]) for n in range(30)]


def test_an_epoch_shows_each_image_once_with_all_of_its_captions(recipe):
    captions = training_captions(recipe, MIXED)
    features = torch.arange(30.0).view(30, 1, 1, 1).expand(30, 1, 2, 8).bfloat16()
    seen, epoch = Counter(), Epoch(captions, features, 3)
    for place in range(len(epoch)):
        batch = epoch[place]
        images = [int(image[0, 0, 0]) for image in batch.features]
        seen.update(images)
        rows = batch.captions.view(len(images), -1, batch.captions.size(1))
        for image, group in zip(images, rows, strict=True):
            assert len(group) == len(MIXED[image].captions)
            for row, expected in zip(group.tolist(), captions.ids[image], strict=True):
                assert row[: len(expected)] == expected
                assert set(row[len(expected) :]) <= {Tokenizer.PAD}
        assert batch.captions.numel() <= 400
    assert seen == Counter(range(30))


def test_captions_are_cut_at_the_greatest_length(recipe):
    short = replace(recipe, model=replace(recipe.model, maximum_length=5))
    captions = training_captions(short, [record("a.jpg", "a very long caption that goes on and on", "no")])
    long, ids = captions.ids[0]
    assert len(long) == 6  # the tag of the language, then five tokens, of which the end is one
    assert long[0] == ids[0] == 4
    assert long[-1] == ids[-1] == Tokenizer.EOS


def test_an_epoch_is_the_same_every_time_and_the_next_is_another(recipe):
    captions = training_captions(recipe, MIXED)
    features = torch.randn(30, 2, 2, 8, generator=torch.Generator().manual_seed(1))
    first, again, other = (Epoch(captions, features, number) for number in (1, 1, 2))
    for place in reversed(range(len(first))):  # whichever is asked for first
        assert torch.equal(first[place].features, again[place].features)
        assert torch.equal(first[place].captions, again[place].captions)
    assert first.batches != other.batches


def test_mirrored_are_half_of_the_images_without_left_or_right_in_a_caption(recipe):
    records = [record(f"{n}.jpg", "a dog", "One dog.") for n in range(200)]
    records += [record(f"{n}.jpg", "a dog", "To the LEFT, a dog") for n in range(200, 300)]
    captions = training_captions(recipe, records)
    one = torch.arange(6.0).view(1, 1, 3, 2)  # three places beside each other, of two channels
    features = one.expand(300, 1, 3, 2).clone()
    turned = Counter()
    for number in range(4):
        epoch = Epoch(captions, features, number)
        for place, images in enumerate(epoch.batches):
            for image, found in zip(images, epoch[place].features, strict=True):
                mirrored = found[0, :, 0].tolist() == [4.0, 2.0, 0.0]
                assert mirrored or torch.equal(found, one[0])
                assert found[0, :, 1].tolist() == ([5.0, 3.0, 1.0] if mirrored else [1.0, 3.0, 5.0])
                turned[image] += mirrored
    assert 300 < sum(turned[image] for image in range(200)) < 500
    assert all(turned[image] == 0 for image in range(200, 300))
    assert {turned[image] for image in range(200)} >= {0, 1, 2, 3, 4}  # drawn anew each time
    assert torch.equal(features, one.expand(300, 1, 3, 2))  # the features themselves stay


def test_mirroring_can_be_turned_off_and_other_words_given(recipe):
    records = [record("a.jpg", "links ein Hund"), record("b.jpg", "a dog"), record("c.jpg", "port side")]

    def may_mirror(**changes):
        return training_captions(replace(recipe, **changes), records).may_mirror

    assert may_mirror() == [False, True, True]
    assert may_mirror(mirror=False) == [False, False, False]
    assert may_mirror(mirror_unless=("port",)) == [True, True, False]


def test_missing_images_are_reported_before_anything_starts(recipe):
    (recipe.data.images / "shapes-00003.png").unlink()
    (recipe.data.images / "shapes-00005.png").unlink()
    with pytest.raises(InputError, match=r"shapes-00003\.png: no such image \(2 of 16 are missing\); mend"):
        train_captioner(recipe)
    assert not recipe.output.exists()


def test_wrong_weights(recipe):
    with pytest.raises(InputError, match=r"nowhere\.safetensors: no weights could be read"):
        train_captioner(replace(recipe, model=replace(recipe.model, weights="nowhere.safetensors")))


FILES = {"images": "images", "captions": "captions.tsv"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"backbone": "resnet19"}}, r"model: backbone must be one of resnet18"),
        ({"model": {"image_size": 100}}, r"model: image_size must be a multiple of 32, got 100"),
        ({"model": {"heads": 3}}, r"model: heads must divide the hidden size 512, got 3"),
        ({"model": {"last_stage_rate": 2.0}}, r"model: last_stage_rate must be from 0 to 1, got 2\.0"),
        ({"tokens_per_batch": 0}, r"tokens_per_batch must be at least 1, got 0"),
        (
            {"validation": FILES | {"language": "de"}},
            r"validation\.language must be that of data, en, got de",
        ),
        ({"data": {"images": "images"}}, r"data: the setting captions is missing"),
        ({"mirror_unless": "left"}, r"mirror_unless must be a list, got 'left'"),
    ],
)
def test_wrong_recipes(settings, message):
    values = {"output": "out", "data": FILES, "validation": FILES} | settings
    with pytest.raises(InputError, match=f"^recipe: {message}"):
        build(CaptionerRecipe, values, "recipe")


def test_a_recipe_comes_back_from_its_values(recipe):
    assert build(CaptionerRecipe, as_values(recipe), "recipe") == recipe
