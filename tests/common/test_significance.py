import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from common.metrics import bleu_counts, bleu_of_counts
from common.significance import (
    Comparison,
    compare_by_sacrebleu,
    confidence_interval,
    paired_p_value,
    resampled_sums,
)


def sentences(count, wrong, seed):
    """Sentences of six to nine words, and the same in which a share of the words is wrong."""
    random = np.random.default_rng(seed)
    right = [
        [f"w{number}" for number in random.integers(9, size=random.integers(6, 10))] for _ in range(count)
    ]
    spoilt = [[word if random.random() > wrong else "x" for word in sentence] for sentence in right]
    return right, spoilt


def test_samples_are_sums_of_as_many_items():
    items = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = resampled_sums(items, 3000)
    assert sums.shape == (3000, 2)
    assert np.array_equal(10 * sums[:, 0], sums[:, 1])  # whole rows are drawn
    assert set(sums[:, 0]) == {a + b + c for a in (1, 2, 4) for b in (1, 2, 4) for c in (1, 2, 4)}
    assert sums[:, 0].mean() == pytest.approx(7, abs=0.15)
    assert np.array_equal(sums, resampled_sums(items, 3000))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    items = np.random.default_rng(3).normal(5, 2, size=(400, 1))
    low, high = confidence_interval(resampled_sums(items)[:, 0] / 400)
    assert low < items.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * items.std() / 20, rel=0.12)


@pytest.mark.parametrize("wrong", [0.12, 0.16, 0.3])
def test_p_values_are_those_of_sacrebleu(wrong):
    """Of BLEU-4 of words without smoothing, which both know."""
    references, one = sentences(50, 0.12, seed=1)
    other = [
        [word if keep > wrong else "y" for word, keep in zip(sentence, draws, strict=False)]
        for sentence, draws in zip(references, np.random.default_rng(2).random((50, 9)), strict=True)
    ]
    counts = [bleu_counts(system, [[words] for words in references]) for system in (one, other)]
    value, other_value = (bleu_of_counts(each.sum(axis=0)[None])[0, 3] for each in counts)
    samples, other_samples = (bleu_of_counts(resampled_sums(each))[:, 3] for each in counts)
    joined = [[" ".join(words) for words in system] for system in (one, other, references)]
    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    found = compare_by_sacrebleu("BLEU", metric, joined[0], joined[1], [[text] for text in joined[2]])
    assert (found.value, found.other) == pytest.approx((value, other_value))
    assert paired_p_value(value - other_value, samples - other_samples) == pytest.approx(
        found.p_value, abs=2e-3
    )
    assert "|bs:1000|seed:12345|" in found.signature


def test_no_difference_is_what_chance_makes_most_easily():
    assert paired_p_value(0.0, np.zeros(1000)) == 1.0
    assert paired_p_value(3.0, np.full(999, 3.0)) == 0.001


@pytest.mark.parametrize(
    ("values", "p_value", "lower", "verdict"),
    [
        ((2.0, 1.0), 0.049, False, "better"),
        ((1.0, 2.0), 0.049, False, "worse"),
        ((2.0, 1.0), 0.049, True, "worse"),
        ((1.0, 2.0), 0.049, True, "better"),
        ((2.0, 1.0), 0.05, False, "no significant difference"),
    ],
)
def test_verdicts(values, p_value, lower, verdict):
    found = Comparison("X", *values, p_value, "nrefs:1", lower)
    assert found.verdict == found.as_record()["verdict"] == verdict
    assert str(found).endswith(f"p = {p_value:.4f}, {verdict} (nrefs:1)")


def test_a_small_difference_is_not_rounded_away():
    assert str(Comparison("CIDEr-D", 0.6012, 0.5987, 0.2, "s")).startswith(
        "CIDEr-D 0.6012 against 0.5987: +0.00250, p = "
    )
