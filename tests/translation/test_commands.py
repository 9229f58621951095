import json
import math
import re
import shutil

import pytest

from common.search import Beam
from data.synthetic import write_numbers
from translation.model import Translator

HOSTILE = "ein hund\r\n\r\n   \nzwei m\ufffdnner\na\0b 😀 中\t\u2028x\n{long}\n\ufeffein mann"


@pytest.fixture
def translate(call, tiny_translator):
    """Translate with the tiny model from de to en, in this process."""

    def run(*arguments, **options):
        return call(
            "translate", "--from", "de", "--to", "en", "--model", tiny_translator, *arguments, **options
        )

    return run


@pytest.mark.parametrize("module", ["common", "translation"])
def test_translate_as_a_process(inwords, translate, tiny_translator, module):
    arguments = ["translate"] * (module == "common")
    arguments += ["--from", "de", "--to", "en", "--model", tiny_translator, "ein hund", "der schnee"]
    outcome = inwords(*arguments, module=module)
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.lines) == 2
    assert outcome.out == translate("ein hund", "der schnee").out


def test_hostile_lines_keep_their_places(translate):
    """Seven lines in, seven lines out, whatever they are."""
    stdin = HOSTILE.format(long="x" * 1000).encode().replace("\ufffd".encode(), b"\xe4")
    text = translate("--beam", "2", stdin=stdin)
    assert text.status == 1
    assert len(text.lines) == 7
    assert [bool(line.strip()) for line in text.lines] == [True, False, False, False, True, True, True]
    assert re.fullmatch(r"error: line 4: byte 7 \(0xe4\) is not UTF-8; convert the file first.*\n", text.err)


def test_hostile_lines_as_records(translate):
    stdin = HOSTILE.format(long="x" * 1000).encode().replace("\ufffd".encode(), b"\xe4")
    outcome = translate("--format", "jsonl", "--beam", "2", "--count", "2", stdin=stdin)
    assert outcome.status == 1
    records = outcome.records
    assert len(records) == 7
    sources = ["ein hund", "", "   ", "zwei m\ufffdnner", "a\0b 😀 中\t\u2028x", "x" * 1000, "\ufeffein mann"]
    assert [record["source"] for record in records] == sources
    assert sorted(records[3]) == ["error", "source"]
    for record in (records[1], records[2], records[5]):  # nothing to translate
        assert (record["translation"], record["score"]) == (record["source"], 0)
        assert record["alternatives"] == record["tokens"] == record["probabilities"] == []
    for record in (records[0], records[4], records[6]):
        fields = ["translation", "score", "tokens", "probabilities"]
        assert list(record) == ["source", *fields, "alternatives"]
        (other,) = record["alternatives"]
        assert list(other) == fields
        assert max(record["score"], other["score"]) < 0
        assert len(record["tokens"]) == len(record["probabilities"])


def test_a_record_is_what_python_gives(translate, tiny_translator):
    (record,) = translate("ein hund", "--format", "jsonl", "--beam", "3").records
    result = Translator.load(tiny_translator).translate("ein hund", "de", "en", Beam(3))
    assert record == {
        "source": "ein hund",
        "translation": result.text,
        "score": round(result.score, 4),
        "tokens": list(result.tokens),
        "probabilities": [round(math.exp(each), 4) for each in result.log_probabilities],
    }


@pytest.mark.parametrize(
    ("stdin", "lines"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"\n\n", 2),
        (b"a", 1),
        (b"a\n", 1),
        (b"a\n\n", 2),
        (b"\r\n\r\n", 2),
        (b" \nb", 2),
    ],
)
def test_lines_in_are_lines_out(translate, stdin, lines):
    outcome = translate("--temperature", "0", stdin=stdin)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.count("\n") == lines


def test_more_lines_than_a_batch_come_in_order(translate):
    """Samples depend on the number of a line, and on nothing else."""
    flags = ("--temperature", "1", "--seed", "5")
    many = translate(*flags, stdin=b"schnee\n" * 600).lines
    assert len(many) == 600
    assert len(set(many)) > 1
    assert many[:7] == translate(*flags, stdin=b"schnee\n" * 7).lines
    spoilt = translate(*flags, stdin=b"schnee\n" * 550 + b"\xff\n" + b"schnee\n" * 49).lines
    assert spoilt == [*many[:550], "", *many[551:]]


def test_count_gives_as_many_lines_with_scores_for_each(translate):
    outcome = translate("--count", "3", stdin=b"ein hund\n\nder schnee\n")
    assert len(outcome.lines) == 9
    assert outcome.lines[3:6] == ["0.0000\t", "", ""]
    scores, texts = zip(*(line.split("\t") for line in outcome.lines[:3]), strict=True)
    assert texts[0] == translate("ein hund").lines[0]
    assert len(set(texts)) > 1
    assert all(float(score) < 0 for score in scores)


def test_an_argument_of_two_lines_keeps_them(translate):
    assert translate("ein\n\nhund", "").lines == [
        *translate("ein").lines,
        "",
        *translate("hund").lines,
        "",
    ]


def test_an_argument_that_is_not_text_spoils_only_itself(translate):
    outcome = translate("ein hund", "m\udce4nner", "--format", "jsonl")
    assert outcome.status == 1
    assert "error" not in outcome.records[0]
    assert sorted(outcome.records[1]) == ["error", "source"]
    assert outcome.records[1]["source"] == "m\udce4nner"
    assert re.fullmatch(r"error: line 2: text must be UTF-8, got .*; convert it to UTF-8\n", outcome.err)


def test_output_goes_to_a_file(translate, tmp_path):
    path = tmp_path / "out.txt"
    written = translate("ein hund", "--output", path)
    assert (written.status, written.out) == (0, "")
    assert path.read_text(encoding="utf-8") == translate("ein hund").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "fr"), "this model does not translate from de to fr; it knows de-en, en-de"),
        (("--to", "de"), "this model does not translate from de to de; it knows"),
        (("--from", ""), "this model does not translate from  to en; it knows"),
        (("--model", "missing"), "missing: no such model directory; see `inwords models`"),
        (("--output", "missing/out.txt"), "missing/out.txt: cannot be written"),
        (("--output", "."), ".: is a folder; name a file in it"),
    ],
)
def test_translate_names_what_is_wrong(translate, arguments, message):
    outcome = translate("ein hund", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1


def test_another_kind_of_model_is_refused(translate, tiny_language_model):
    outcome = translate("ein hund", "--model", tiny_language_model)
    assert outcome.status == 1
    assert "holds a language-model, but a translator is needed; give another --model" in outcome.err


def test_a_tokenizer_of_another_model_is_refused(translate, tiny_translator, tiny_captioner, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(tiny_translator, directory)
    shutil.copy(tiny_captioner / "tokenizer.json", directory)
    outcome = translate("ein hund", "--model", directory)
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(r"error: .*tokenizer.json: .*\n", outcome.err)


@pytest.fixture
def files(tmp_path):
    """Two sentences and their "translations", by the tiny model's own hand where need be."""
    source, reference = tmp_path / "source.txt", tmp_path / "reference.txt"
    source.write_text("ein hund\nder schnee\n")
    reference.write_text("a dog\nthe snow\n")
    return source, reference


def evaluate_flags(files, model):
    return (
        *("evaluate", "translation", "--source", files[0], "--reference", files[1]),
        *("--from", "de", "--to", "en", "--model", model),
    )


def test_evaluate_finds_a_perfect_translation_perfect(call, translate, tiny_translator, files, tmp_path):
    """The references are what the model writes."""
    files[1].write_text(translate(stdin=files[0].read_bytes()).out, encoding="utf-8")
    output = tmp_path / "written.txt"
    outcome = call(*evaluate_flags(files, tiny_translator), "--output", output)
    assert (outcome.status, outcome.err) == (0, "")
    # (Its gibberish is too short for the four words in a row that BLEU looks at.)
    assert re.match(r"BLEU \S+ \(nrefs:1\|case:mixed\|.*\|tok:13a\|.*version:", outcome.lines[0])
    assert outcome.lines[1].startswith("chrF2++ 100.0 (")
    assert re.fullmatch(r"2 sentences\|beam:5\|length:0\.8\|model:[0-9a-f]{8}", outcome.lines[-1])
    assert output.read_bytes() == files[1].read_bytes()


def test_evaluate_translates_blank_and_long_lines_too(call, translate, tiny_translator, files, tmp_path):
    files[0].write_text("\n" + "x " * 100 + "\n")
    output = tmp_path / "written.txt"
    outcome = call(*evaluate_flags(files, tiny_translator), "--output", output)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.lines[-1].startswith("2 sentences|")
    assert output.read_text(encoding="utf-8") == translate(stdin=files[0].read_bytes()).out


@pytest.mark.parametrize(
    ("source", "reference", "message"),
    [
        ("a\nb\n", "a\n", "has 2 lines and .* has 1; line N of one must translate line N of the other"),
        ("", "", "source.txt: empty; give a file of one sentence a line"),
        ("a\n", None, "reference.txt does not exist; check the path"),
    ],
)
def test_evaluate_names_what_is_wrong(call, tiny_translator, files, source, reference, message):
    files[0].write_text(source)
    if reference is None:
        files[1].unlink()
    else:
        files[1].write_text(reference)
    outcome = call(*evaluate_flags(files, tiny_translator))
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(rf"error: .*{message}\n", outcome.err)


def test_evaluate_looks_at_the_output_before_it_works(call, tiny_translator, files, tmp_path):
    outcome = call(*evaluate_flags(files, tiny_translator), "--output", tmp_path)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: {tmp_path}: is a folder; name a file in it as --output\n"


@pytest.fixture(scope="module")
def trained(inwords, tmp_path_factory):
    """A translator of numbers trained for an epoch and, as another process, for one more."""
    folder = tmp_path_factory.mktemp("training")
    write_numbers(folder, 60, seed=1)
    (folder / "recipe.toml").write_text(
        'output = "run"\ntokens_per_batch = 300\n'
        '[[pairs]]\nsource = "numbers.digits"\ntarget = "numbers.words"\n'
        'source_language = "digits"\ntarget_language = "words"\nboth_ways = false\n'
        '[[validation]]\nsource = "numbers.digits"\ntarget = "numbers.words"\n'
        'source_language = "digits"\ntarget_language = "words"\nboth_ways = false\n'
        "[model]\nvocabulary_size = 280\nembedding_size = 8\nencoder_size = 8\nencoder_layers = 1\n"
        "decoder_size = 16\ndecoder_layers = 1\nmaximum_length = 30\n"
        "[training]\nepochs = 2\nthreads = 1\n"
    )
    call = ("train", "translator", "recipe.toml")
    outcomes = [
        inwords(*call, "--set", "training.epochs=1", cwd=folder),
        inwords(*call, "--resume", cwd=folder),
    ]
    return folder, outcomes


def test_train_and_resume(trained, call):
    folder, outcomes = trained
    for epoch, outcome in enumerate(outcomes, start=1):
        assert (outcome.status, outcome.lines) == (0, ["run/best"])
        assert f"epoch {epoch}: " in outcome.err
    epochs = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [each["epoch"] for each in epochs] == [1, 2]
    assert all(math.isfinite(each["loss"]) for each in epochs)
    flags = ("translate", "--from", "digits", "--to", "words", "--model", folder / "run" / "best")
    assert len(call(*flags, stdin=b"12\n345\n").lines) == 2
    refused = call(*flags[:1], "--from", "words", "--to", "digits", *flags[5:], "twelve")
    assert (refused.status, refused.err.count("digits-words")) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "model.encoder_siz=3"), "unknown setting encoder_siz; did you mean encoder_size?"),
        (("--set", "model.vocabulary_size=10"), "vocabulary_size"),
        (("--set", "pairs=[]"), "pairs"),
        (("--set", "output=other", "--resume"), "no checkpoint to resume from; train without --resume"),
    ],
)
def test_train_names_the_wrong_setting(trained, call, monkeypatch, arguments, message):
    monkeypatch.chdir(trained[0])
    outcome = call("train", "translator", "recipe.toml", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert message in outcome.err.splitlines()[-1]
