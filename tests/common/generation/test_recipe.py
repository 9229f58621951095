from pathlib import Path

import pytest

from common.config import as_values, build
from common.errors import InputError
from common.generation.recipe import LanguageModelRecipe, fitting_recipe
from common.tokenizer import Tokenizer

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0.0}, r"validation_share must be between 0 and 1, got 0\.0"),
        ({"validation_share": 1.0}, r"validation_share must be between 0 and 1"),
        ({"window": 0}, r"window must be at least 1, got 0"),
        ({"windows_per_batch": 0}, r"windows_per_batch must be at least 1"),
        ({"model": {"hidden_size": 0}}, r"model: hidden_size must be at least 1, got 0"),
        ({"model": {"dropout": 1.0}}, r"model: dropout must be in \[0, 1\), got 1\.0"),
        ({"model": {"recurrent_dropout": 1.5}}, r"model: recurrent_dropout must be in \[0, 1\), got 1\.5"),
        ({"training": {"epochs": 0}}, r"training: epochs must be at least 1, got 0"),
        ({"model": {"tokens": "letter"}}, r"model: tokens must be 'character' or 'word' or 'byte-pair'"),
    ],
)
def test_wrong_recipes(settings, message):
    with pytest.raises(InputError, match=f"^recipe: {message}"):
        build(LanguageModelRecipe, {"output": "out", "text": "text.txt"} | settings, "recipe")


def fitting(characters, tokens="character"):
    return fitting_recipe(Path("book.txt"), Path("out"), characters, tokens)


def test_more_text_means_more_weights_less_dropout_and_fewer_passes():
    recipes = [fitting(characters) for characters in (3_000, 200_000, 1_000_000, 50_000_000)]
    sizes = [recipe.model.hidden_size for recipe in recipes]
    assert sizes == sorted(set(sizes))
    dropouts = [recipe.model.dropout for recipe in recipes]
    assert dropouts == sorted(set(dropouts), reverse=True)
    epochs = [recipe.training.epochs for recipe in recipes]
    assert epochs == sorted(set(epochs), reverse=True)


@pytest.mark.parametrize("tokens", ["character", "word", "byte-pair"])
def test_a_book_is_read_within_ten_minutes(tokens):
    """At the slowest: two cores that learn 20,000 characters a second of a model of 1.5 million weights."""
    recipe = fitting(200_000, tokens)
    shape = recipe.model.language_model(80).decoder
    weights = 4 * shape.hidden_size * (shape.embedding_size + 3 * shape.hidden_size)
    seconds = recipe.training.epochs * 200_000 / 20_000 * weights / 1_500_000
    assert 300 < seconds < 700
    assert recipe.model.minimum_count == (2 if tokens == "word" else 1)


@pytest.mark.parametrize("tokens", ["character", "word", "byte-pair"])
@pytest.mark.parametrize("characters", [500, 10**9])
def test_what_is_chosen_is_a_recipe_with_a_tokenizer(tokens, characters):
    recipe = fitting(characters, tokens)
    assert build(LanguageModelRecipe, as_values(recipe), "recipe") == recipe
    assert isinstance(recipe.model.tokenizer("a cat and a cat " * 20), Tokenizer)


def test_the_recipe_of_the_built_in_model_keeps_to_its_size():
    from common.config import read_recipe
    from common.generation.model import LanguageModel

    path = ROOT / "common" / "generation" / "recipes" / "tinyshakespeare.toml"
    recipe = build(LanguageModelRecipe, read_recipe(path), str(path))
    tokenizer = Tokenizer.train("character", ["".join(map(chr, range(33, 98)))])
    model = LanguageModel(recipe.model.language_model(len(tokenizer)), tokenizer)
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert weights <= 5_000_000
    assert recipe.model.storage == "int8"
