"""Text generation: characters a second, beside the rate of products with as many rows."""

import torch

from common.generation.model import LanguageModel
from common.loss import linear_cross_entropy
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam, Strategy
from common.tokenizer import Tokenizer
from tests.benchmarks import limits
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.timing import clocked, in_rounds

PROMPT = "ROMEO:\n"
TOLERANCE = 0.01
"""Nats a token by which the probabilities of a text may differ from those of the plain path."""

STRATEGIES: tuple[tuple[str, Strategy, int], ...] = (
    ("temperature 0.7", Sampling(0.7), 1),
    ("greedy", GREEDY, 1),
    ("beam 5", Beam(5), 5),
    ("20 samples", Sampling(0.7, count=20), 20),
)


def load() -> LanguageModel:
    """The language model whose speed counts, as anybody loads it."""
    return LanguageModel.load(device="cpu")


def load_plain() -> LanguageModel:
    """The same weights in 32 bits, without anything that is done for speed."""
    model = LanguageModel.load(device="cpu")
    model.decoder.fast = None
    return model


@torch.inference_mode()
def plain_score(model: LanguageModel, prompt: str, ids: tuple[int, ...]) -> float:
    """The log-probability of ``ids`` after the prompt, all read in one call."""
    before = [Tokenizer.BOS, *model.tokenizer.encode(prompt)]
    tokens = torch.tensor([[*before, *ids]])
    features, _, _ = model.decoder.read(tokens[:, :-1], model.decoder.start_empty(1))
    targets = tokens[0, 1:][-len(ids) :]
    weight, bias = model.decoder.embedding.weight, model.decoder.bias
    return -float(linear_cross_entropy(features[0, -len(ids) :], weight, bias, targets)[1])


def complaints(name: str, ours: float, plain: float, tokens: int) -> list[str]:
    """What is wrong with the log-probability that a text was written with."""
    if abs(ours - plain) <= TOLERANCE * tokens:
        return []
    return [
        f"{name}: the text's log-probability is {ours:.2f} and by the plain path in float32 {plain:.2f}; "
        f"they may differ by {TOLERANCE} for each of {tokens} tokens"
    ]


def measure(settings: Settings) -> Outcome:
    """Characters a second, all samples and the best of a beam counted."""
    torch.set_num_threads(settings.threads)
    model, plain, outcome = load(), load_plain(), Outcome()
    length = 20 if settings.quick else 1000
    token = limits.reading(model.decoder)[2]
    results: list[Result] = []
    for shown, strategy, rows in STRATEGIES:
        name = f"generation, {shown}"
        products = limits.all_kinds(rows)

        def generate(strategy: Strategy = strategy) -> None:
            results[:] = [model.generate(PROMPT, length, strategy)]

        seconds = in_rounds(
            {**products, "ours": clocked(generate)}, settings.rounds, warm_up=not settings.quick
        )
        best = results[0]
        written = [best, *best.alternatives]
        characters = sum(len(each.text) - len(PROMPT) for each in written)
        limit_name, rate = limits.best_rate(products, seconds)
        most = characters * rate / (2.0 * token * length * rows)
        outcome.measurements.append(
            Measurement(name, characters / seconds["ours"], "characters/s", limit_name, most)
        )
        score = plain_score(plain, PROMPT, best.ids)
        outcome.failures += complaints(name, best.score, score, len(best.ids))
    return outcome
