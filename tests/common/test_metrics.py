import importlib.util
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from common.metrics import (
    Score,
    bleu_counts,
    bleu_of_counts,
    caption_words,
    check_pairs,
    cider_d,
    corpus_bleu,
    rouge_l,
)

WORDS = caption_words("a the dog cat man woman runs sits jumps on in over grass street red ball with two")


def random_captions(pictures: int, each: tuple[int, int], seed: int) -> tuple[list[str], list[list[str]]]:
    """Hypotheses and references that share n-grams of all lengths: changed copies of common sentences."""
    generator = random.Random(seed)
    stems = [generator.choices(WORDS, k=generator.randrange(4, 12)) for _ in range(pictures)]

    def changed(stem: list[str]) -> str:
        words = [word if generator.random() < 0.8 else generator.choice(WORDS) for word in stem]
        return " ".join(words[: generator.randrange(3, len(words) + 1)])

    references = [[changed(stem) for _ in range(generator.randint(*each))] for stem in stems]
    return [changed(stem) for stem in stems], references


def split(texts: Sequence[str]) -> list[list[str]]:
    return [text.split() for text in texts]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The dog's t-shirt.", "the dog 's t-shirt"),
        ("the dog 's t-shirt", "the dog 's t-shirt"),
        ("A man, a woman; and (two) children!", "a man a woman and two children"),
        ("They don't run, can't sit and they're red.", "they do n't run ca n't sit and they 're red"),
        ("The dogs' ball ... is 'red' - \"very\" red", "the dogs ball is red very red"),
        ("the man’s ice-cream", "the man 's ice-cream"),
        ("the mother-in-law's 3.5 feet", "the mother-in-law 's 3.5 feet"),
        ("five o'clock", "five o'clock"),
        ("black & white", "black & white"),
        ("Ein Mädchen in Grün.", "ein mädchen in grün"),
        ("dog,cat.man", "dog cat man"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_caption_words(text: str, words: str) -> None:
    assert caption_words(text) == words.split()


def test_bleu_clips_counts_by_one_reference_each() -> None:
    # The example of the paper: "the" counts twice of seven, as often as in the first reference.
    hypotheses = split(["the the the the the the the"])
    references = split(["the cat is on the mat", "there is a cat on the mat"])
    assert corpus_bleu(hypotheses, [references]) == pytest.approx((200 / 7, 0, 0, 0))


def test_bleu_by_hand() -> None:
    hypotheses = split(["a b c d e", "x b"])
    references = [split(["a b c d x y z"]), split(["x y z", "a"])]
    # Counts: unigrams 4 + 1 of 7, bigrams 3 of 5, trigrams 2 of 3, four-grams 1 of 2.
    # The second hypothesis is as near to 3 words as to 1: the shorter counts, 7 + 1 = 8 in all.
    penalty = math.exp(1 - 8 / 7)
    expected = [
        100 * penalty * 5 / 7,
        100 * penalty * (5 / 7 * 3 / 5) ** (1 / 2),
        100 * penalty * (5 / 7 * 3 / 5 * 2 / 3) ** (1 / 3),
        100 * penalty * (5 / 7 * 3 / 5 * 2 / 3 * 1 / 2) ** (1 / 4),
    ]
    assert corpus_bleu(hypotheses, references) == pytest.approx(expected)


def test_bleu_has_no_reward_for_length() -> None:
    assert corpus_bleu(split(["a b c d e"]), [split(["a b c d"])])[0] == pytest.approx(80)
    assert corpus_bleu(split(["a b c d"]), [split(["a b c d"])]) == pytest.approx((100,) * 4)


def test_bleu_of_empty_captions_is_zero() -> None:
    assert corpus_bleu([[], []], [split(["a b"]), split(["c"])]) == (0, 0, 0, 0)
    assert corpus_bleu([[]], [[[]]]) == (0, 0, 0, 0)


def test_bleu_of_sets_is_of_their_added_counts() -> None:
    hypotheses, references = random_captions(30, (1, 4), seed=8)
    words, reference_words = (
        split([*hypotheses, "", "a"]),
        [split(group) for group in [*references, ["b"], ["a"]]],
    )
    counts = bleu_counts(words, reference_words)
    sets = [range(32), range(7), [30], [31], [5, 5, 9]]
    for places in sets:
        alone = corpus_bleu([words[place] for place in places], [reference_words[place] for place in places])
        assert bleu_of_counts(counts[list(places)].sum(axis=0)[None])[0].tolist() == pytest.approx(alone)


def test_rouge_l_by_hand() -> None:
    # "a b c d" against "a x c": two words in order, 2 of 4 and 2 of 3; against "d c b a z": one word, 1 of 4
    # and 1 of 5. Best precision 2/4, best recall 2/3; 1.2 squared is 1.44.
    expected = 100 * 2.44 * (1 / 2) * (2 / 3) / (2 / 3 + 1.44 * 1 / 2)
    assert rouge_l(split(["a b c d"]), [split(["a x c", "d c b a z"])]) == pytest.approx([expected])
    # Precision from one reference, recall from another: 3 of 3 and 1 of 1.
    assert rouge_l(split(["a b c"]), [split(["a b x c x x", "b"])]) == pytest.approx([100])
    assert rouge_l([[], ["a"], ["a"]], [[["a"]], [["b"]], [[], ["a"]]]) == pytest.approx([0, 0, 100])


def test_rouge_l_by_brute_force() -> None:
    hypotheses, references = random_captions(20, (1, 1), seed=4)
    for hypothesis, (reference,) in zip(split(hypotheses), map(split, references), strict=True):
        common = max(
            length
            for length in range(len(hypothesis) + 1)
            if set(combinations(hypothesis, length)) & set(combinations(reference, length))
        )
        precision, recall = common / len(hypothesis), common / len(reference)
        f_score = (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision) if common else 0.0
        assert rouge_l([hypothesis], [[reference]]) == pytest.approx([100 * f_score])


def test_cider_d_by_hand() -> None:
    hypotheses = split(["a a b", "c"])
    references = [split(["a b", "b b"]), split(["c b"])]
    # Two items. "b" is in both, so it weighs log(2/2) = 0; the rest weighs log(2) = L a piece.
    # Item 1, unigrams: hypothesis {a: 2L}, first reference {a: L}: min(2L, L) * L / (2L * L) = 1/2;
    # the second reference has only "b": 0. Bigrams: hypothesis {a a: L, a b: L}, first reference {a b: L}:
    # 1 / sqrt(2); second reference {b b: L}: 0. Longer ones: the references have none.
    # Both references are one word shorter than the hypothesis.
    penalty = math.exp(-1 / 72)
    first = 10 * penalty * (1 / 2 + 1 / math.sqrt(2)) / 4 / 2
    # Item 2, unigrams: {c: L} against {c: L}: 1; no bigram in the hypothesis.
    second = 10 * penalty * 1 / 4
    assert cider_d(hypotheses, references) == pytest.approx([first, second])


def test_cider_d_does_not_reward_repetition() -> None:
    references = [split(["red dog runs here"]), split(["a cat sits there"])]
    once, twice = (cider_d(split([text, "x"]), references)[0] for text in ("red dog", "red red dog"))
    assert once > twice


def test_the_best_cider_d_is_ten_and_no_overlap_is_zero() -> None:
    captions = split(["a red dog runs", "the cat sits there"])
    references = [[caption] for caption in captions]
    assert cider_d(captions, references) == pytest.approx([10, 10])
    assert cider_d(captions[::-1], references) == [0, 0]
    assert cider_d([[], []], references) == [0, 0]
    # One item alone: every n-gram is in all items, so nothing has weight.
    assert cider_d(captions[:1], references[:1]) == [0]


@pytest.fixture(scope="module")
def peer() -> Iterator[Callable[[str], ModuleType]]:
    """Imports one module of aac-metrics; its packages' own imports want Java, CLAP and transformers."""
    spec = importlib.util.find_spec("aac_metrics")
    if spec is None or spec.submodule_search_locations is None:
        pytest.skip("aac-metrics is not installed (pip install --no-deps aac-metrics)")
    root = Path(spec.submodule_search_locations[0])

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"aac_metrics.functional.{name}")

    with pytest.MonkeyPatch.context() as patch:
        for name, folder in (("aac_metrics", root), ("aac_metrics.functional", root / "functional")):
            package = ModuleType(name)
            package.__path__ = [str(folder)]
            patch.setitem(sys.modules, name, package)
        yield load


@pytest.mark.parametrize(("each", "seed"), [((5, 5), 1), ((1, 1), 2), ((1, 6), 3)])
def test_captions_score_as_with_aac_metrics(
    peer: Callable[[str], ModuleType], each: tuple[int, int], seed: int
) -> None:
    hypotheses, references = random_captions(80, each, seed)
    hypotheses[3] = hypotheses[4] = ""
    words, reference_words = split(hypotheses), [split(group) for group in references]
    for name, mine in (
        ("cider_d", cider_d(words, reference_words)),
        ("rouge_l", [score / 100 for score in rouge_l(words, reference_words)]),
    ):
        _, items = getattr(peer(name), name)(hypotheses, references)
        assert mine == pytest.approx(items[name].tolist(), abs=1e-9)
        assert 0.3 < sum(mine) / len(mine) < 9.5
    for order, score in enumerate(corpus_bleu(words, reference_words), start=1):
        value = float(peer("bleu").bleu(hypotheses, references, n=order, return_all_scores=False))
        assert score == pytest.approx(100 * value)
        assert 1 < score < 99


def test_a_score_prints_its_interval_if_it_has_one() -> None:
    assert str(Score("BLEU", 41.0, "tok:13a")) == "BLEU 41.00 (tok:13a)"
    assert str(Score("BLEU", 41.0, "tok:13a", (40.125, 42.0))) == "BLEU 41.00 [40.12, 42.00] (tok:13a)"


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "hypotheses must not be empty"),
        (["a"], [], "each hypothesis needs references, got 1 and 0"),
        (["a"], [["a"], ["b"]], "each hypothesis needs references, got 1 and 2"),
        (["a", "b"], [["a"], []], "each item must have a reference, got none at item 2"),
        (["a", "b"], [["a"], "b"], "references must hold a list for each item, got a string at item 2"),
    ],
)
def test_wrong_pairs_are_refused(hypotheses: list[str], references: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_pairs(hypotheses, references)
