import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from captioning.model import Captioner
from captioning.recipe import CaptionerRecipe, CaptionFiles
from captioning.resnet import fold
from captioning.training import train_captioner
from common.config import as_values, build
from common.errors import InputError
from common.rewards import RewardSettings


def changed(recipe, **sections):
    """The recipe with settings of its sections ``model`` and ``training`` changed."""
    return replace(
        recipe, **{name: replace(getattr(recipe, name), **values) for name, values in sections.items()}
    )


ONE_STAGE = {"trained_stages": 1, "encoder_rate": 1.0}


@pytest.mark.parametrize(
    ("model", "others"),
    [
        # Filters of the network lie in memory in an order of their own.
        (ONE_STAGE, {}),
        ({"trained_stages": 5}, {"augmentation": True}),
        (
            {"trained_stages": 0, "maximum_length": 12},
            {"reward": RewardSettings(samples=2), "images_per_batch": 8},
        ),
    ],
    ids=["last stage", "end to end", "reward"],
)
def test_resumed_training_is_as_never_stopped(recipe, tmp_path, kill, assert_same_run, model, others):
    whole = replace(changed(recipe, model=model, training={"precision": "bfloat16"}), **others)
    train_captioner(whole)
    parts = replace(whole, output=tmp_path / "parts")
    kill(3, lambda: train_captioner(changed(parts, training={"save_minutes": 0.0})))
    torch.rand(3)
    train_captioner(parts, resume=True)
    assert_same_run(whole.output, parts.output)


@pytest.mark.parametrize(
    ("trained_stages", "augmentation", "kept"),
    [
        (0, False, "features"),
        (1, False, "features"),
        (1, True, "pixels"),
        (3, False, "features"),
        (5, False, "pixels"),
    ],
)
def test_only_what_is_told_to_learn_changes(
    recipe, weights, tmp_path, trained_stages, augmentation, kept, monkeypatch
):
    monkeypatch.setattr("captioning.training.FEWEST", 16)
    best = train_captioner(
        replace(
            changed(recipe, model={"trained_stages": trained_stages}, training={"epochs": 1}),
            augmentation=augmentation,
        )
    )
    pretrained, learned = fold(load_file(weights)), load_file(best / "model.safetensors")
    parts = ["stem.", *(f"stages.{n}." for n in range(4))]
    moving = tuple(parts[5 - trained_stages :])
    for name, before in pretrained.items():
        learns = name.startswith(moving) and before.ndim == 4  # batch normalisation never
        assert torch.equal(learned[f"encoder.{name}"], before) != learns, name
    (file,) = (tmp_path / "features").iterdir()
    assert file.name.startswith(kept)
    # What the model makes of its training photographs is on record, in their order.
    captioner, images = Captioner.load(best, device="cpu"), sorted((tmp_path / "shown").glob("*.png"))
    pixels = torch.stack([torch.from_numpy(captioner.pixels(image)) for image in images])
    with torch.inference_mode():
        summaries = captioner.encode(pixels)[0]
    similarities = captioner.consensus.similarities(summaries)
    assert similarities.shape == (16, 16)
    assert similarities.argmax(1).tolist() == list(range(16))


def test_two_languages(recipe, tmp_path, monkeypatch):
    """Both are learned from the same images, measured apart, and written as asked for."""
    monkeypatch.setattr("captioning.training.FEWEST", 16)

    def captioned(files, language, caption, name=""):
        path = tmp_path / f"{files.images.name}.{language}.tsv"
        images = sorted(files.images.glob("*.png"))
        path.write_text("".join(f"{image.name}\t{caption}\n" for image in images), encoding="utf-8")
        return CaptionFiles(files.images, path, language=language, name=name)

    shown, held_out = recipe.data[0], recipe.validation[0]
    both = replace(
        changed(
            recipe,
            model={"trained_stages": 0, "dropout": 0.0},
            training={"epochs": 12, "learning_rate": 0.01, "average_decay": 0.5, "label_smoothing": 0.0},
        ),
        data=(captioned(shown, "en", "a picture"), captioned(shown, "de", "ein Bild")),
        validation=(
            captioned(held_out, "en", "a picture", "drawings"),
            captioned(held_out, "de", "ein Bild"),
        ),
        tokens_per_batch=12,
    )
    lines = []
    best = train_captioner(both, report=lines.append)
    assert lines[0].startswith("16 images with 32 captions and 4 images to validate on, ")
    record = json.loads((both.output / "metrics.jsonl").read_text().splitlines()[-1])
    figures = {"bleu-4", "cider-d", "words", "looping", "unfinished"}
    expected = {f"{name} drawings en" for name in figures} | {f"{name} de" for name in figures}
    assert expected < set(record)
    assert record["quality"] == (record["cider-d drawings en"] + record["cider-d de"]) / 2
    captioner = Captioner.load(best, device="cpu")
    assert captioner.config.languages == ("en", "de")
    assert {name: len(each.lengths) for name, each in captioner.consensus.phrases.items()} == {
        "en": 16,
        "de": 16,
    }
    photograph = next(held_out.images.glob("*.png"))
    assert captioner.caption(photograph, language="de").text == "Ein Bild."
    assert captioner.caption(photograph).text == "A picture."


def test_few_photographs_are_not_asked(recipe):
    best = train_captioner(changed(recipe, model={"trained_stages": 0}, training={"epochs": 1}))
    assert Captioner.load(best, device="cpu").consensus is None


def test_validation_in_a_language_that_is_not_learned(recipe):
    german = replace(recipe, validation=(replace(recipe.validation[0], language="de"),))
    with pytest.raises(InputError, match="validation is in de, which no training captions are; there are en"):
        train_captioner(german)


@pytest.mark.parametrize("trained_stages", [0, 5])
def test_starting_from_a_model(recipe, tmp_path, trained_stages):
    """Its vocabulary and weights are kept, and before the first step it writes what it wrote."""
    first = train_captioner(recipe)
    again = replace(
        changed(
            recipe,
            model={"trained_stages": trained_stages, "vocabulary_size": 300, "dropout": 0.1},
            training={"epochs": 1, "learning_rate": 1e-9},
        ),
        start_from=str(first),
        output=tmp_path / "again",
    )
    second = train_captioner(again)
    assert (second / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    before, after = load_file(first / "model.safetensors"), load_file(second / "model.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert Captioner.load(second).config.decoder.dropout == 0.1
    with pytest.raises(InputError, match=r"start_from .*: the model does not write de, it writes en; name"):
        train_captioner(replace(again, data=(replace(recipe.data[0], language="de"),)))


def test_plain_captioning_learns_from_rewards_too(recipe):
    plain = changed(recipe, model={"attention": False, "trained_stages": 1, "maximum_length": 12})
    train_captioner(replace(plain, reward=RewardSettings(samples=3, cross_entropy=0.0)))
    records = [json.loads(line) for line in (recipe.output / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records if "averaged" not in record] == [1, 2]
    assert all(record["train_loss"] <= 0 for record in records if "averaged" not in record)


def test_missing_images_are_reported_before_anything_starts(recipe):
    images = recipe.data[0].images
    (images / "shapes-00003.png").unlink()
    (images / "shapes-00005.png").unlink()
    with pytest.raises(InputError, match=r"shapes-00003\.png: no such image \(2 of 16 are missing\); mend"):
        train_captioner(recipe)
    assert not recipe.output.exists()


def test_wrong_weights(recipe):
    with pytest.raises(InputError, match=r"nowhere\.safetensors: no weights could be read"):
        train_captioner(changed(recipe, model={"weights": "nowhere.safetensors"}))


FILES = {"images": "images", "captions": "captions.tsv"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": {"backbone": "resnet19"}}, r"model: backbone must be one of resnet18"),
        ({"model": {"image_size": 100}}, r"model: image_size must be a multiple of 32, got 100"),
        ({"model": {"heads": 3}}, r"model: heads must divide the hidden size 512, got 3"),
        ({"model": {"encoder_rate": 2.0}}, r"model: encoder_rate must be from 0 to 1, got 2\.0"),
        ({"model": {"trained_stages": 6}}, r"model: trained_stages must be from 0 to 5, got 6"),
        ({"tokens_per_batch": 0}, r"tokens_per_batch must be at least 1, got 0"),
        ({"images_per_batch": 0}, r"images_per_batch must be at least 1, got 0"),
        ({"data": FILES}, r"data must be a list, got"),
        ({"data": []}, r"data must have at least one entry"),
        ({"data": [{"captions": "a.tsv"}]}, r"data\[0\]: the setting images is missing"),
        ({"data": [FILES | {"share": 0}]}, r"data\[0\]: share must be above 0 and at most 1, got 0\.0"),
        ({"data": [FILES | {"language": "en-GB"}]}, r"data\[0\]: language must be letters, digits and _"),
        ({"mirror_unless": "left"}, r"mirror_unless must be a list, got 'left'"),
        ({"reward": {"samples": 1}}, r"reward: samples must be at least 2, to compare them, got 1"),
        ({"reward": {"temperature": 0}}, r"reward: temperature must be above 0, got 0\.0"),
        ({"reward": {"cross_entropy": -1}}, r"reward: cross_entropy must be 0 or more, got -1\.0"),
    ],
)
def test_wrong_recipes(settings, message):
    values = {"output": "out", "data": [FILES], "validation": [FILES]} | settings
    with pytest.raises(InputError, match=f"^recipe: {message}"):
        build(CaptionerRecipe, values, "recipe")


@pytest.mark.parametrize("reward", [None, RewardSettings(samples=3)])
def test_a_recipe_comes_back_from_its_values(recipe, reward):
    recipe = replace(recipe, reward=reward)
    assert build(CaptionerRecipe, as_values(recipe), "recipe") == recipe
