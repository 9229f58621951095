"""Averaging models that were trained apart from one origin."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from common.errors import InputError
from common.model_directory import Storage, read_kind, read_weights, save_model
from common.tokenizer import Tokenizer


def average_models(models: Sequence[Path], shares: Sequence[float], output: Path, storage: Storage) -> None:
    """Write the weighted mean of models: one model, as fast as each, and often better than any.

    Trainings of one origin end in one basin of the loss, and their mean nearer to its middle
    (Wortsman et al., 2022, arXiv:2203.05482). Settings and vocabulary, what is no number with a
    fraction, and other files but the card are those of the first: of translators also the words that they
    have on record as seen, of captioners the photographs. But what says yes or no, such as whether a
    token is written in a language, says yes where all do: who was not trained among some tokens has not
    learned not to write them.

    Args:
        models: Their directories, all of one kind, shape and vocabulary.
        shares: How much each counts, in any unit.
        output: The model directory to write.
        storage: Bytes a weight, as for :func:`common.model_directory.save_model`.

    Raises:
        InputError: The shares are not as many as models or add up to nothing, a model cannot be
            read or is of another kind, shape or vocabulary than the first, or ``output`` is no model
            directory.
    """
    total = sum(shares)
    if len(shares) != len(models) or total == 0 or not math.isfinite(total):
        raise InputError(
            f"{len(models)} models need {len(models)} shares whose sum is a number other than 0, "
            f"not {', '.join(map(str, shares))}"
        )
    kind, config = read_kind(models[0])
    weights, tokenizer = read_weights(models[0]), _tokenizer(models[0])
    tokens = _tokens(tokenizer)
    means = {
        name: weight * (shares[0] / total) for name, weight in weights.items() if weight.is_floating_point()
    }
    for model, share in zip(models[1:], shares[1:], strict=True):
        its_kind, others = read_kind(model)[0], read_weights(model)
        alike = {
            "kind": its_kind == kind,
            "vocabulary": _tokens(_tokenizer(model)) == tokens,
            "shape": _shapes(others) == _shapes(weights),
        }
        _check_alike(model, models[0], alike)
        for name, mean in means.items():
            mean.add_(others[name], alpha=share / total)
        for name, weight in weights.items():
            if weight.dtype == torch.bool:
                weight &= others[name]
    save_model(output, kind, config, weights | means, tokenizer, storage)
    for file in models[0].iterdir():  # such as a captioner's consensus
        if file.is_file() and file.name != "README.md" and not (output / file.name).exists():
            shutil.copy(file, output)


def _check_alike(model: Path, first: Path, alike: Mapping[str, bool]) -> None:
    for name, same in alike.items():
        if not same:
            raise InputError(
                f"{model}: is of another {name} than {first}; give models trained from the same one"
            )


def _tokenizer(model: Path) -> Tokenizer:
    return Tokenizer.load(model / "tokenizer.json")


def _tokens(tokenizer: Tokenizer) -> list[str]:
    return tokenizer.pieces(range(len(tokenizer)))


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}
