import importlib.util
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from common.metrics import (
    Score,
    TextScore,
    caption_scores,
    caption_words,
    cider_d,
    corpus_bleu,
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
    scores = caption_scores(hypotheses, references)
    _, cider_items = peer("cider_d").cider_d(hypotheses, references)
    mine = cider_d(split(hypotheses), [split(group) for group in references])
    assert mine == pytest.approx(cider_items["cider_d"].tolist())
    assert scores.cider_d.value == pytest.approx(float(cider_items["cider_d"].mean()))
    assert 0.5 < scores.cider_d.value < 9.5
    for order, score in enumerate(scores.bleu, start=1):
        value = float(peer("bleu").bleu(hypotheses, references, n=order, return_all_scores=False))
        assert score.value == pytest.approx(100 * value)
        assert 1 < score.value < 99


def sacrebleu_command(folder: Path, hypotheses: list[str], streams: list[list[str]], *flags: str) -> str:
    """What sacreBLEU's own command prints for these sentences: value and signature."""
    files = [folder / f"reference{number}" for number in range(len(streams))]
    for file, stream in zip(files, streams, strict=True):
        file.write_text("\n".join(stream) + "\n", encoding="utf-8")
    (folder / "hypothesis").write_text("\n".join(hypotheses) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", *map(str, files), "-i", str(folder / "hypothesis")]
    environment = os.environ | {"NO_COLOR": "1"}
    flags = ("-f", "text", "-w", "6", *flags)
    result = subprocess.run([*command, *flags], capture_output=True, text=True, check=True, env=environment)
    return result.stdout.strip()


SENTENCES = [
    ("Ein Hund läuft, schnell!", "Ein Hund läuft schnell.", "Der Hund rennt schnell!"),
    ("Zwei Männer sitzen auf einer Bank.", "Zwei Männer sitzen auf der Bank.", "Auf einer Bank sitzen zwei."),
    ("Das 'Haus' kostet 1,000.50 $", "Das Haus kostet 1,000.50 $", "1,000.50 $ kostet das Haus"),
    ("", "Leer ist das nicht.", "Nicht leer."),
    ("ein hund .", "Ein Hund.", "ein Hund ."),
]


@pytest.mark.parametrize("references_each", [1, 2])
def test_captions_score_as_with_sacrebleus_command(tmp_path: Path, references_each: int) -> None:
    hypotheses = [row[0] for row in SENTENCES]
    references = [row[1 : 1 + references_each] for row in SENTENCES]
    score = caption_scores(hypotheses, references).sacrebleu
    line = sacrebleu_command(tmp_path, hypotheses, [list(stream) for stream in zip(*references, strict=True)])
    assert line.startswith(f"BLEU|{score.signature} = {score.value:.6f}")
    assert f"nrefs:{references_each}|case:mixed" in score.signature
    assert 0 < score.value < 100


def test_a_score_prints_its_interval_if_it_has_one() -> None:
    assert str(Score("BLEU", 41.0, "tok:13a")) == "BLEU 41.00 (tok:13a)"
    assert str(Score("BLEU", 41.0, "tok:13a", (40.125, 42.0))) == "BLEU 41.00 [40.12, 42.00] (tok:13a)"


def test_caption_scores_ignore_case_and_punctuation_but_sacrebleu_does_not() -> None:
    references = [["A red dog runs on grass."], ["Two men sit on the street."]]
    scores = caption_scores(["a red dog, runs on GRASS", "two men sit on the street"], references)
    assert [score.value for score in scores.bleu] == pytest.approx([100] * 4)
    assert scores.cider_d.value == pytest.approx(10)
    assert scores.sacrebleu.value < 100


def test_diversity_counts_different_results() -> None:
    hypotheses = ["A dog.", "a dog", "A cat!", "a dog runs"]
    scores = caption_scores(hypotheses, [["a dog"]] * 4)
    assert (scores.captions, scores.distinct_captions, scores.distinct_words) == (4, 3, 4)
    assert str(scores).splitlines()[-1] == "3 distinct captions of 4, 4 distinct words"


def test_caption_scores_print_one_score_a_line() -> None:
    hypotheses, references = random_captions(9, (2, 2), seed=5)
    lines = str(caption_scores(hypotheses, references)).splitlines()
    names = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", "sacreBLEU"]
    assert [line.split()[0] for line in lines[:-1]] == names
    common = "nrefs:2|case:lower|punctuation:stripped"
    assert lines[3].endswith(f"({common}|length:closest|smooth:none)")
    assert lines[4].endswith(f"({common}|n:4|sigma:6|df:references)")
    ragged = caption_scores(["a", "b"], [["a"], ["b", "c"]])
    assert ragged.cider_d.signature.startswith("nrefs:var|")


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
        caption_scores(hypotheses, references)


def test_text_score_by_hand() -> None:
    # Four tokens, each one of two equally likely, that stand for eight characters.
    score = TextScore(nats=4 * math.log(2), tokens=4, characters=8)
    assert score.perplexity == pytest.approx(2)
    assert score.bits_per_character == pytest.approx(0.5)
    assert score.nats_per_character == pytest.approx(math.log(2) / 2)
    assert str(score) == "0.3466 nats, 0.5000 bits a character; perplexity 2.00 a token"


@pytest.mark.parametrize(("tokens", "characters"), [(0, 5), (5, 0)])
def test_a_text_score_needs_text(tokens: int, characters: int) -> None:
    with pytest.raises(ValueError, match=f"must be positive, got {tokens}, {characters}"):
        TextScore(nats=1.0, tokens=tokens, characters=characters)
