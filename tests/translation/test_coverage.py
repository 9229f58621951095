import math

import pytest
import torch

from common.reading import Reading
from common.result import Result
from common.search import Beam
from translation import coverage
from translation.coverage import by_coverage


def result(text, score, *others, tokens=("a", "<eos>")):
    return Result(text, score, tokens, alternatives=tuple(others))


# Of three tokens of the source each hypothesis looks at these in all.
ATTENTION = {
    "whole": [[0.5, 0.5, 0.0], [0.5, 0.5, 1.0]],  # 1, 1, 1: costs nothing
    "half": [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]],  # 1.5, 0.5, 0: costs -log 0.5 and -log of the least
    "even": [[0.25, 0.5, 0.25], [0.25, 0.5, 0.25]],  # 0.5, 1, 0.5: costs -2 log 0.5
}


@pytest.fixture
def ranked(monkeypatch):
    """Rank with attention as in the table, for no model looks where one wants it to."""

    def read(translator, sources, translations, target):
        return [
            Reading([1, 2], torch.zeros(2), torch.tensor(ATTENTION[text]), None)
            if text in ATTENTION
            else Reading([1, 2], torch.zeros(2), None, None)
            for text in translations
        ]

    def run(penalty, *results, count=3, length_penalty=0.0):
        monkeypatch.setattr(coverage, "read_translations", read)
        beam = Beam(5, length_penalty, count)
        found = by_coverage(None, ["x"] * len(results), results, "yb", beam, penalty)
        return [[each.text for each in (one, *one.alternatives)] for one in found]

    return run


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        # Log-probabilities: half -1, even -1.5, whole -2.
        (0.0, ["half", "even", "whole"]),
        # half -1 - 0.02 x (0.693 + 13.816) = -1.290, even -1.5 - 0.02 x 1.386 = -1.528
        (0.02, ["half", "even", "whole"]),
        # half -1.580, even -1.555
        (0.04, ["even", "half", "whole"]),
        # half -2.161, even -1.611
        (0.08, ["even", "whole", "half"]),
        # even -2.054, whole still -2
        (0.4, ["whole", "even", "half"]),
    ],
)
def test_hand_worked(ranked, penalty, expected):
    (found,) = ranked(penalty, result("half", -1.0, result("even", -1.5), result("whole", -2.0)))
    assert found == expected


def test_the_cost_is_the_sum_of_logarithms(ranked):
    """Two hypotheses tie where the difference of their log-probabilities is that of their costs."""
    cost = 2 * math.log(2)
    for change, first in ((-1e-3, "whole"), (1e-3, "even")):
        (found,) = ranked(1.0, result("even", -1.0 + change, result("whole", -1.0 - cost)))
        assert found[0] == first


def test_the_length_penalty_counts_too(ranked):
    long = result("even", -3.0, tokens=("a",) * 5 + ("<eos>",))  # -3 / 6 = -0.5
    short = result("whole", -1.2)  # -1.2 / 2 = -0.6
    assert ranked(0.0, result("whole", -1.2, long), length_penalty=1.0) == [["even", "whole"]]
    assert ranked(0.1, result("even", -3.0, short, tokens=long.tokens), length_penalty=1.0) == [
        ["whole", "even"]
    ]


def test_what_was_cut_off_comes_last(ranked):
    cut = result("whole", -0.1, tokens=("a", "b"))
    assert ranked(1.0, result("half", -9.0, cut)) == [["half", "whole"]]


def test_as_many_are_kept_as_were_asked_for_of_each(ranked):
    first = result("half", -1.0, result("even", -1.5), result("whole", -2.0))
    second = result("whole", -1.0, result("half", -1.5))
    assert ranked(0.5, first, second, count=2) == [["whole", "even"], ["whole", "half"]]
    assert ranked(0.5, first, second, count=1) == [["whole"], ["whole"]]


def test_without_attention_the_order_stays(ranked):
    assert ranked(5.0, result("one", -1.0, result("two", -2.0))) == [["one", "two"]]


def test_a_real_beam(learned):
    """A penalty of next to nothing changes nothing, a large one chooses among what the beam has found."""
    texts, beam = ["Lom mir tas rul.", "Mok. Lut 12 sor!"], Beam(4, 0.8, 2)
    plain = learned.translate(texts, "xa", "yb", beam)
    assert learned.translate(texts, "xa", "yb", beam, coverage_penalty=1e-9) == plain
    whole = learned.translate(texts, "xa", "yb", Beam(4, 0.8, 4))
    for result_, found in zip(
        learned.translate(texts, "xa", "yb", beam, coverage_penalty=3.0), whole, strict=True
    ):
        assert len(result_.alternatives) == 1
        assert result_.text.startswith(found.text[:1])
