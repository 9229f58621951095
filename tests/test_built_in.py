"""The models that come with the program: what a good one must be able to do, and what they weigh."""

import json
import re
from pathlib import Path

import pytest
import torch
from matplotlib.cbook import get_sample_data
from safetensors import safe_open

from captioning import Captioner
from common.cli import applications
from common.flags import signature
from common.generation.model import LanguageModel
from common.sampling import GREEDY, Sampling
from translation import Translator

DIRECTORIES = [application.built_in for application in applications()]
PERSON = r"\b(woman|man|person|girl|boy|lady|someone)\b"

each_directory = pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.parent.name)


@pytest.fixture(scope="module")
def translator():
    return Translator.load()


@pytest.fixture(scope="module")
def language_model():
    return LanguageModel.load()


@pytest.fixture(scope="module")
def photograph():
    """Rear admiral Grace Hopper, as matplotlib ships her."""
    return Path(get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.mark.parametrize(
    ("source", "target", "text", "words"),
    [
        ("de", "en", "Ein Hund läuft durch den Schnee.", ["dog", "snow"]),
        ("de", "en", "Zwei Männer spielen Gitarre.", ["Two", "men", "guitar"]),
        ("de", "en", "Eine Frau in einem roten Kleid tanzt.", ["woman", "red", "dress"]),
        ("de", "en", "Kinder spielen im Park.", ["hildren", "play", "park"]),
        ("de", "en", "Mein Flug geht am 24. Dezember.", ["flight", "24", "December"]),
        ("en", "de", "The parcel weighs 3 kg.", ["Paket", "wiegt", "3 kg"]),
        ("en", "de", "Three men stand around a barrel.", ["Männer", "Fass"]),
        ("en", "de", "Two men are playing guitar.", ["Männer", "Gitarre"]),
        ("en", "de", "A dog runs through the snow.", ["Hund", "Schnee"]),
        ("en", "de", "A woman in a red dress is dancing.", ["Frau", "rote", "tanz"]),
    ],
)
def test_the_translator_translates(translator, source, target, text, words):
    result = translator.translate(text, source, target)
    assert [word for word in words if word not in result.text] == [], result.text
    assert result.text.endswith(".")


@pytest.mark.parametrize("text", ["Hund", "Ein Mann", "Guten Morgen.", "😀", "Xqzt vlpf", "a" * 60, "1 2 3"])
def test_the_translator_always_says_something(translator, text):
    assert translator.translate(text, "de", "en").text.strip()


def test_a_translation_does_not_depend_on_its_neighbours(translator):
    texts = ["Ein Hund.", "", "Eine Frau steht vor einem Haus und liest ein Buch.", "Kinder spielen im Park."]
    together = [result.text for result in translator.translate(texts, "de", "en")]
    assert together == [translator.translate(text, "de", "en").text for text in texts]


def test_the_captioner_sees_a_person(photograph):
    captioner = Captioner.load()
    result = captioner.caption(photograph)
    assert re.search(PERSON, result.text.lower()), result.text
    assert result.text[0].isupper()
    assert sum(result.log_probabilities) == pytest.approx(result.score)
    assert re.search(PERSON, captioner.caption(photograph, GREEDY).text.lower())


def test_the_language_model_loops_when_greedy(language_model):
    """The likeliest word again and again leads in a circle; drawing leads out of it."""

    def repeated(text):
        pieces = [text[start : start + 20] for start in range(len(text) - 20)]
        return 1 - len(set(pieces)) / len(pieces)

    greedy = language_model.generate("ROMEO:", 1000, GREEDY).text
    drawn = language_model.generate("ROMEO:", 1000, Sampling(1.0)).text
    assert repeated(greedy) > 0.3
    assert repeated(drawn) < 0.05


def test_temperature_sharpens_and_flattens(language_model):
    def likelihood(temperature):
        result = language_model.generate("ROMEO:", 300, Sampling(temperature, count=3))
        return sum(each.score for each in (result, *result.alternatives)) / 900

    assert likelihood(0.5) > likelihood(1.0) > likelihood(1.5)


def test_the_language_model_repeats_itself_by_a_seed(language_model):
    texts = [language_model.generate("ROMEO:", 80, Sampling(0.7, seed=seed)).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_the_language_model_has_learned_english(language_model):
    text = "ROMEO:\nBut, soft! what light through yonder window breaks?\nIt is the east, and she the sun.\n"
    score = language_model.measure(text)
    assert score.nats_per_character < 2.2
    assert language_model.measure(text[::-1]).nats_per_character > score.nats_per_character + 0.5


def test_evaluate_text_as_a_process(inwords, language_model, tmp_path):
    text = "ROMEO:\nIt is the east, and Juliet is the sun.\n"
    (tmp_path / "text.txt").write_text(text)
    outcome = inwords("evaluate", "text", tmp_path / "text.txt")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.lines[0] == str(language_model.measure(text))
    assert re.search(r"\|model:[0-9a-f]{8}$", outcome.lines[1])


def test_the_demonstration(inwords, photograph, tmp_path):
    """What `make demo` runs, from another folder."""
    captioned = inwords("caption", photograph, "--format", "jsonl", cwd=tmp_path)
    assert (captioned.status, captioned.err) == (0, "")
    assert re.search(PERSON, captioned.records[0]["caption"].lower())
    translated = inwords("translate", "--from", "de", "--to", "en", "Ein Hund läuft durch den Schnee.")
    assert (translated.status, translated.err) == (0, "")
    assert "dog" in translated.out
    generated = inwords("generate", "ROMEO:", "--length", "200", cwd=tmp_path)
    assert (generated.status, generated.err) == (0, "")
    assert generated.out.startswith("ROMEO:")


@each_directory
def test_a_card_says_what_the_model_is(directory):
    card = (directory / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# ")
    assert "\n## Scores\n" in card
    scores = card.partition("\n## Scores\n")[2].partition("\n## ")[0]
    assert "inwords evaluate" in scores  # the command that reproduces them
    weights = re.findall(r"\|model:([0-9a-f]{8})", card)
    assert set(weights) == {signature(directory)}  # measured on these weights, not on former ones
    assert re.search(r"licen[cs]e", card, re.IGNORECASE)
    assert "inwords train" in card


def test_models_shows_the_cards(call):
    outcome = call("models")
    assert (outcome.status, outcome.err) == (0, "")
    for directory in DIRECTORIES:
        card = (directory / "README.md").read_text(encoding="utf-8")
        assert card.splitlines()[0] in outcome.lines
        scores = card.partition("\n## Scores\n")[2].partition("\n## ")[0]
        assert scores.strip() in outcome.out
        assert str(directory) in outcome.out


@each_directory
def test_a_model_directory_holds_what_it_should(directory):
    names = {path.name for path in directory.iterdir()}
    others = {"consensus.safetensors", "dictionary.zip", "rescorers"}
    assert names - others == {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    rescorers = list((directory / "rescorers").glob("*"))
    for each in rescorers:
        assert {path.name for path in each.iterdir()} == {
            "config.json",
            "model.safetensors",
            "tokenizer.json",
        }
    for each in (directory, *rescorers):
        json.loads((each / "tokenizer.json").read_text(encoding="utf-8"))
        with safe_open(each / "model.safetensors", "pt") as file:
            kinds = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        # Whole numbers: how often batch normalisation has counted; truth values: which tokens a language has.
        assert kinds <= {"I8", "BF16", "F32", "I64", "BOOL"}


def test_the_translator_has_16_million_weights_at_most_and_two_rescorers():
    translator = Translator.load(device="cpu")
    rescorers = [translator.rescorer("en", target) for target in ("de", "fr")]
    parts = [part for part in (translator, *rescorers) if part]
    assert len(parts) == 3
    assert sum(weight.numel() for part in parts for weight in part.parameters()) <= 16_000_000
    assert translator.rescorer("en", "cs") is None


def test_the_built_in_models_are_small():
    megabytes = {"captioning": 45, "translation": 20, "generation": 6}
    for directory in DIRECTORIES:
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        assert size <= 1_000_000 * megabytes.pop(directory.parent.name)
    assert not megabytes


def test_what_people_wrote_about_photographs_of_people_is_about_people(photograph):
    """In both languages: so the photographs on record are seen as these weights see them."""
    captioner = Captioner.load()
    assert captioner.consensus is not None
    with torch.inference_mode():
        summaries = captioner.encode(torch.from_numpy(captioner.pixels(photograph)[None]))[0]
    (similarities,) = captioner.consensus.similarities(summaries).numpy()
    for language, person, dog in (
        ("en", "A man in a black jacket smiles.", "A black dog runs through the grass."),
        ("de", "Ein Mann in einer schwarzen Jacke lächelt.", "Ein schwarzer Hund rennt durch das Gras."),
    ):
        agreement = captioner.consensus.phrases[language].agreement(similarities, [person, dog])
        assert agreement[0] > 2 * agreement[1]
