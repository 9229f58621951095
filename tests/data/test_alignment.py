import itertools
import math
from collections import defaultdict
from random import Random

import pytest

from data.alignment import align

WORDS = {f"a{number}": f"b{number}" for number in range(40)}


def sentences(seed: int) -> list[list[str]]:
    random = Random(seed)
    return [random.sample(sorted(WORDS), random.randint(1, 8)) for _ in range(600)]


def test_words_are_found_wherever_they_have_gone() -> None:
    """Backwards, the opposite of what is likelier before anything is known."""
    sources = sentences(1)
    targets = [[WORDS[word] for word in reversed(words)] for words in sources]
    assert align(sources, targets) == [list(reversed(range(len(words)))) for words in sources]


def test_a_word_that_comes_from_nowhere() -> None:
    sources = sentences(2)
    targets = [["uh", *(WORDS[word] for word in words)] for words in sources]
    found = align(sources, targets)
    assert [places[1:] for places in found] == [[*range(len(words))] for words in sources]
    # Beside so few words it may be taken for a part of one.
    assert sum(places[0] == -1 for places in found) > 0.5 * len(sources)


def test_several_words_may_come_from_one() -> None:
    sources = sentences(3)
    targets = [
        [part for word in words for part in (f"{WORDS[word]}a", f"{WORDS[word]}b")] for words in sources
    ]
    assert align(sources, targets) == [[n // 2 for n in range(2 * len(words))] for words in sources]


@pytest.mark.parametrize("seed", range(3))
def test_as_the_formulas_say(seed: int) -> None:
    """Expectation and maximisation written out word by word, on sentences that mean nothing."""
    random = Random(seed)
    sources, targets = (
        [random.choices(side, k=random.randint(1, 4)) for _ in range(12)] for side in ("abcd", "wxyz")
    )
    chances = defaultdict(lambda: 1.0)

    def weights(source: list[str], target: list[str], place: int) -> list[float]:
        middle = (place + 0.5) / len(target)
        near = [math.exp(-3 * abs(middle - (at + 0.5) / len(source))) for at in range(len(source))]
        priors = [0.08, *(0.92 * each / sum(near) for each in near)]
        found = [
            prior * chances[word, target[place]] for prior, word in zip(priors, ["", *source], strict=True)
        ]
        return [each / sum(found) for each in found]

    for _ in range(5):
        counts: defaultdict[tuple[str, str], float] = defaultdict(float)
        for source, target in zip(sources, targets, strict=True):
            for place, word in enumerate(target):
                for other, share in zip(["", *source], weights(source, target, place), strict=True):
                    counts[other, word] += share
        totals: defaultdict[str, float] = defaultdict(float)
        for (other, _), count in counts.items():
            totals[other] += count
        chances = defaultdict(float, {both: count / totals[both[0]] for both, count in counts.items()})
    wanted = []
    for source, target in zip(sources, targets, strict=True):
        found = [weights(source, target, place) for place in range(len(target))]
        wanted.append([each.index(max(each)) - 1 for each in found])
    assert align(sources, targets) == wanted
    assert len(set(itertools.chain.from_iterable(wanted))) > 2
