import json
import os
import random
import subprocess
import sys

import pytest

from captioning.scores import caption_scores, compare_captions
from common.metrics import caption_words, cider_d, corpus_bleu, rouge_l

SENTENCES = [
    ("Ein Hund läuft, schnell!", "Ein Hund läuft schnell.", "Der Hund rennt schnell!"),
    ("Zwei Männer sitzen auf einer Bank.", "Zwei Männer sitzen auf der Bank.", "Auf einer Bank sitzen zwei."),
    ("Das 'Haus' kostet 1,000.50 $", "Das Haus kostet 1,000.50 $", "1,000.50 $ kostet das Haus"),
    ("", "Leer ist das nicht.", "Nicht leer."),
    ("ein hund .", "Ein Hund.", "ein Hund ."),
]
NAMES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", "ROUGE-L", "sacreBLEU"]


def changed_captions(count, share, seed):
    """Captions, and the same as a system writes them: a share of the words is another."""
    random_numbers = random.Random(seed)
    words = caption_words("a dog cat man runs sits on in grass street red two")
    captions = [random_numbers.choices(words, k=random_numbers.randint(5, 9)) for _ in range(count)]
    changed = [
        [random_numbers.choice(words) if random_numbers.random() < share else word for word in caption]
        for caption in captions
    ]
    return [" ".join(caption) for caption in captions], [" ".join(caption) for caption in changed]


def sacrebleu_command(folder, *flags, hypotheses, references):
    """What sacreBLEU's own command finds for these sentences."""
    streams = list(zip(*references, strict=True))
    files = [folder / f"reference{number}" for number in range(len(streams))]
    for file, stream in zip([*files, folder / "hypothesis"], [*streams, hypotheses], strict=True):
        file.write_text("\n".join(stream) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", *files, "-i", folder / "hypothesis", "-w", "6", *flags]
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"NO_COLOR": "1"})
    return json.loads(done.stdout)


@pytest.mark.parametrize("each", [1, 2])
def test_sacrebleu_is_that_of_its_command(tmp_path, each):
    hypotheses, references = [row[0] for row in SENTENCES], [row[1 : 1 + each] for row in SENTENCES]
    score = caption_scores(hypotheses, references, samples=1000).sacrebleu
    found = sacrebleu_command(tmp_path, "--confidence", hypotheses=hypotheses, references=references)
    assert score.value == pytest.approx(found["score"], abs=1e-6)
    assert score.signature == found["signature"]
    assert sum(score.interval) / 2 == pytest.approx(found["confidence_mean"], abs=1e-6)
    assert f"nrefs:{each}|bs:1000|seed:12345|case:mixed" in score.signature


def test_intervals_are_those_of_sacrebleu_for_the_same_score(tmp_path):
    """BLEU-4 of captions that are cut into words already is a BLEU that sacreBLEU knows too."""
    references, hypotheses = changed_captions(60, 0.3, seed=1)
    groups = [[reference] for reference in references]
    flags = ("--confidence", "--tokenize", "none", "--smooth-method", "none")
    found = sacrebleu_command(tmp_path, *flags, hypotheses=hypotheses, references=groups)
    low, high = caption_scores(hypotheses, groups, samples=1000).bleu[3].interval
    assert (low + high) / 2 == pytest.approx(found["confidence_mean"], abs=1e-4)
    assert (high - low) / 2 == pytest.approx(found["confidence_var"], abs=1e-4)
    assert high - low > 5


def test_scores_are_the_metrics_of_the_words():
    references, hypotheses = changed_captions(20, 0.3, seed=2)
    groups = [[reference, "a dog"] for reference in references]
    scores = caption_scores([text.upper() + "." for text in hypotheses], groups)
    words, group_words = [text.split() for text in hypotheses], [[text.split() for text in g] for g in groups]
    assert [score.value for score in scores.bleu] == pytest.approx(corpus_bleu(words, group_words))
    assert scores.photographs == pytest.approx(tuple(cider_d(words, group_words)))
    assert scores.cider_d.value == pytest.approx(sum(scores.photographs) / 20)
    assert scores.rouge_l.value == pytest.approx(sum(rouge_l(words, group_words)) / 20)
    assert all(score.interval is None for score in scores.all)


def test_ignore_case_and_punctuation_but_sacrebleu_does_not():
    references = [["A red dog runs on grass."], ["Two men sit on the street."]]
    scores = caption_scores(["a red dog, runs on GRASS", "two men sit on the street"], references)
    assert [score.value for score in scores.bleu] == pytest.approx([100] * 4)
    assert (scores.cider_d.value, scores.rouge_l.value) == pytest.approx((10, 100))
    assert scores.sacrebleu.value < 100


def test_each_score_says_how_it_was_made():
    references, hypotheses = changed_captions(9, 0.3, seed=5)
    groups = [[reference] * 2 for reference in references]
    scores = caption_scores(hypotheses, groups)
    lines = str(scores).splitlines()
    assert [line.split()[0] for line in lines[:7]] == [score.name for score in scores.all] == NAMES
    common = "nrefs:2|case:lower|punctuation:stripped"
    assert lines[3].endswith(f"({common}|length:closest|smooth:none)")
    assert lines[4].endswith(f"({common}|n:4|sigma:6|df:references)")
    assert lines[5].endswith(f"({common}|beta:1.2)")
    ragged = caption_scores(["a", "b"], [["a"], ["b", "c"]], samples=10)
    assert ragged.cider_d.signature.startswith("nrefs:var|bs:10|seed:12345|")


def test_an_interval_holds_the_score_and_shrinks_with_the_photographs():
    widths = []
    for count in (30, 480):
        references, hypotheses = changed_captions(count, 0.3, seed=3)
        scores = caption_scores(hypotheses, [[reference] for reference in references], samples=300)
        assert all(score.interval[0] < score.value < score.interval[1] for score in scores.all)
        widths.append([high - low for low, high in (score.interval for score in scores.all)])
    # Sixteen times as many photographs, a quarter of the width.
    assert all(0.12 < few / many < 0.5 for many, few in zip(*widths, strict=True))


def test_comparison_says_who_is_better():
    references, good = changed_captions(80, 0.2, seed=6)
    bad = [text.replace("dog", "x").replace("a ", "y ").replace("on", "z") for text in good]
    groups = [[reference] for reference in references]
    better, worse = compare_captions(good, bad, groups), compare_captions(bad, good, groups)
    assert [each.name for each in better] == NAMES
    assert {each.verdict for each in better} == {"better"}
    assert {each.verdict for each in worse} == {"worse"}
    scores = caption_scores(good, groups)
    assert [each.value for each in better] == pytest.approx([score.value for score in scores.all])
    assert [each.value for each in worse] == [each.other for each in better]
    same = compare_captions(good, good, groups)
    assert {(each.p_value, each.verdict) for each in same} == {(1.0, "no significant difference")}


def test_wording_is_beside_that_of_people():
    scores = caption_scores(["a dog on a", "a dog a dog"], [["a dog runs"], ["a cat", "a man on"]])
    assert (scores.wording.unfinished, scores.wording.looping) == (0.5, 0.5)
    assert (scores.people.captions, scores.people.unfinished, scores.people.looping) == (3, 1 / 3, 0)
    assert str(scores).splitlines()[-2:] == [
        "2 distinct captions of 2, 3 distinct words, 4.0 words on average (people: 2.7)",
        "50.0% say a phrase twice in a row (people: 0.0%), 50.0% end unfinished (people: 33.3%)",
    ]
    assert "unfinished" not in str(caption_scores(["a dog"], [["a dog"]], language="fr"))


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([], [], "hypotheses must not be empty"),
        (["a"], [["a"], ["b"]], "each hypothesis needs references, got 1 and 2"),
        (["a", "b"], [["a"], []], "each item must have a reference, got none at item 2"),
    ],
)
def test_wrong_pairs_are_refused(hypotheses, references, message):
    for score in (caption_scores, lambda texts, groups: compare_captions(texts, texts, groups)):
        with pytest.raises(ValueError, match=message):
            score(hypotheses, references)


def test_text_that_is_cut_into_words_already_stays_so():
    references, _ = changed_captions(5, 0, seed=7)
    assert [" ".join(caption_words(text)) for text in references] == references
