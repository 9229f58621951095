import json
import math
import re
import shutil
import sys
from collections import Counter
from itertools import pairwise

import pytest
import torch
from tqdm import tqdm

from common.cli import report
from common.flags import signature
from common.generation.model import LanguageModel
from common.model_directory import FORMAT

TEXT = "To be, or not to be: that is the question.\n"


def test_generate_continues_the_prompt(inwords, tiny_language_model):
    outcome = inwords("generate", "To be", "--length", "20", "--model", tiny_language_model, "--seed", "3")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("To be")
    assert len(outcome.out) == len("To be") + 20 + len("\n")


def test_generate_by_a_seed_repeats_itself(call, tiny_language_model):
    def run(*flags):
        return call("generate", "To", "--length", "40", "--model", tiny_language_model, *flags).out

    assert run("--seed", "1") == run("--seed", "1") != run("--seed", "2")
    assert run() == run("--seed", "0", "--temperature", "0.7")
    assert run("--temperature", "0") == run("--top-k", "1") == run("--beam", "1")


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        (("--beam", "4"), ["prompt", "text", "score", "loop"]),
        (("--temperature", "1"), ["prompt", "text", "score"]),
    ],
)
def test_generate_jsonl(call, tiny_language_model, flags, keys):
    (alone,) = call(
        "generate", "To", "--length", "9", "--model", tiny_language_model, "--format", "jsonl", *flags
    ).records
    assert list(alone) == keys
    assert (alone["prompt"], alone["text"][:2], len(alone["text"])) == ("To", "To", 11)
    assert alone["score"] < 0
    (several,) = call(
        *("generate", "To", "--length", "9", "--model", tiny_language_model, "--format", "jsonl"),
        *(*flags, "--count", "3"),
    ).records
    assert list(several) == [*keys, "alternatives"]
    assert {key: several[key] for key in alone} == alone
    assert [list(each) for each in several["alternatives"]] == [list(alone)] * 2


def test_generate_parts_several_texts_by_a_line(call, tiny_language_model):
    outcome = call("generate", "To", "--length", "9", "--model", tiny_language_model, "--count", "3")
    texts = outcome.out.removesuffix("\n").split("\n\n--\n\n")
    assert [(text[:2], len(text)) for text in texts] == [("To", 11)] * 3


def test_generate_keeps_to_constraints(call, tiny_language_model):
    def run(*flags):
        fixed = ("generate", "To", "--length", "200", "--model", tiny_language_model, "--temperature", "5")
        return call(*fixed, *flags).out.removesuffix("\n")

    free = run()
    word = re.search(r"\b\w\b", free)[0]
    assert not re.search(rf"\b{word}\b", run("--ban", word), re.IGNORECASE)
    assert len(set(pairwise(free))) < len(free) - 1
    once = run("--no-repeat-ngram", "2")
    assert len(set(pairwise(once))) == len(once) - 1 > 100
    assert Counter(run("--repetition-penalty", "0.01")).most_common(1)[0][1] > 2 * max(Counter(free).values())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--prefix", "a"), "unrecognized arguments: --prefix a"),
        (("--max-length", "9"), "unrecognized arguments: --max-length 9"),
        (("--ban", " "), "--ban must not be an empty word"),
        (("--length-penalty", "1"), "--length-penalty is of a beam: give --beam with it, and no sampling"),
    ],
)
def test_generate_refuses_flags_without_effect(call, tiny_language_model, flags, message):
    outcome = call("generate", "To", "--model", tiny_language_model, *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(rf"error: {re.escape(message)} \(see .*\)\n", outcome.err)


def test_a_report_is_a_line_above_the_progress_bar(capsys):
    with tqdm(total=3, file=sys.stderr) as bar:
        bar.update()
        report("half of it is done")
        bar.update()
    lines = capsys.readouterr().err.split("\n")
    assert "half of it is done" in [line.split("\r")[-1] for line in lines]


def test_generate_names_what_the_model_has_never_seen(call, tiny_language_model):
    outcome = call("generate", "To Ω 😀", "--length", "5", "--model", tiny_language_model)
    assert outcome.status == 0
    assert outcome.out.startswith("To Ω 😀")
    assert outcome.err == "note: the model has never seen 'Ω', '😀'; it reads on without\n"


def test_generate_writes_a_file(call, tiny_language_model, tmp_path):
    path = tmp_path / "out.txt"
    written = call("generate", "--length", "5", "--model", tiny_language_model, "--output", path)
    assert (written.status, written.out) == (0, "")
    shown = call("generate", "--length", "5", "--model", tiny_language_model)
    assert path.read_text() == shown.out
    assert len(shown.out) == 6


def test_evaluate_text(inwords, tiny_language_model, tmp_path):
    """A model to which all tokens are alike: its figures can be worked out by hand."""
    path, directory = tmp_path / "text.txt", tmp_path / "model"
    path.write_text(2 * TEXT)
    model = LanguageModel.load(tiny_language_model)
    torch.nn.init.zeros_(model.decoder.embedding.weight)
    torch.nn.init.zeros_(model.decoder.bias)
    model.save(directory)
    outcome = inwords("evaluate", "text", path, "--model", directory)
    assert (outcome.status, outcome.err) == (0, "")
    size = len(model.tokenizer)
    word = math.exp(math.log(size) * len(TEXT) / 10)
    assert outcome.lines[:2] == [
        f"{math.log(size):.4f} nats, {math.log2(size):.4f} bits a character; "
        f"perplexity {size}.00 a token, {word:.4g} a word",
        f"measured on {2 * len(TEXT)} characters, state carried from the first to the last"
        f"|model:{signature(directory)}",
    ]


def test_evaluate_the_last_of_a_text(call, tiny_language_model, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT + TEXT.swapcase())
    outcome = call("evaluate", "text", path, "--model", tiny_language_model, "--last", "0.5")
    expected = LanguageModel.load(tiny_language_model).measure(TEXT.swapcase())
    assert outcome.lines[0] == str(expected)
    assert f"measured on {len(TEXT)} characters" in outcome.out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist; check the path"),
        (b"", "is empty; give a file with text"),
        (b" \n", "is empty"),
        (b"caf\xe9\n", "line 1: byte 4 .0xe9. is not UTF-8; convert"),
        (b"\x1f\x8b\x08", "is not a whole gzip file"),
    ],
)
def test_evaluate_names_what_is_wrong_with_a_text(call, tmp_path, content, message):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    outcome = call("evaluate", "text", path)
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(rf"error: {path}.*{message}.*\n", outcome.err)


def settings(directory):
    return json.loads((directory / "config.json").read_text())


def change(**values):
    def run(directory):
        (directory / "config.json").write_text(json.dumps(settings(directory) | values))

    return run


def cut(name):
    return lambda directory: (directory / name).write_bytes((directory / name).read_bytes()[:-50])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "model: no such model directory; see `inwords models`"),
        (lambda directory: (directory / "config.json").unlink(), "model: not a model directory"),
        (lambda directory: (directory / "config.json").write_text("[]"), "config.json: damaged"),
        (lambda directory: (directory / "config.json").write_bytes(b"\xff\x00"), "config.json: damaged"),
        (cut("config.json"), "config.json: damaged; copy the model again"),
        (change(kind="translator"), "model: holds a translator, but a language-model is needed; give"),
        (change(format=FORMAT + 1), f"has format {FORMAT + 1}, newer than this program's {FORMAT}; update"),
        (change(extra=1), "config.json: unknown setting extra"),
        (change(decoder={"vocabulary_size": -1}), "config.json.* vocabulary_size must be at least 1"),
        (lambda directory: (directory / "model.safetensors").unlink(), "model.safetensors: missing; copy"),
        (cut("model.safetensors"), "model.safetensors: damaged .*; copy the model again"),
        (lambda directory: (directory / "tokenizer.json").unlink(), "tokenizer.json: No such file"),
        (cut("tokenizer.json"), "tokenizer.json: damaged or not a tokenizer"),
        (lambda directory: (directory / "tokenizer.json").write_text("{}"), "tokenizer.json: damaged or not"),
    ],
)
def test_a_damaged_model_directory_is_one_line(call, tiny_language_model, tmp_path, damage, message):
    directory = tmp_path / "model"
    shutil.copytree(tiny_language_model, directory)
    damage(directory)
    outcome = call("generate", "--model", directory)
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(rf"error: {directory.parent}.*{message}.*\n", outcome.err)


def test_weights_of_another_shape_are_refused(call, tiny_language_model, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(tiny_language_model, directory)
    decoder = settings(directory)["decoder"]
    change(decoder=decoder | {"hidden_size": 20})(directory)
    outcome = call("generate", "--model", directory)
    assert outcome.status == 1
    assert re.fullmatch(r"error: .*model.safetensors: does not fit its config.json.*\n", outcome.err)


@pytest.fixture(scope="module")
def trained(inwords, tmp_path_factory):
    """A language model trained for an epoch and, as another process, for one more."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "text.txt").write_text(40 * TEXT)
    (folder / "recipe.toml").write_text(
        'output = "run"\ntext = "text.txt"\nwindow = 16\n'
        "[model]\nembedding_size = 8\nhidden_size = 16\nlayers = 1\n"
        "[training]\nepochs = 2\nthreads = 1\nlabel_smoothing = 0.0\n"
    )
    call = ("train", "language-model", "recipe.toml", "--set", "training.epochs=1")
    outcomes = [inwords(*call, cwd=folder), inwords(*call[:3], "--resume", cwd=folder)]
    return folder, outcomes


def test_train_says_where_the_model_is(trained, call):
    folder, outcomes = trained
    for epoch, outcome in enumerate(outcomes, start=1):
        assert (outcome.status, outcome.lines) == (0, ["run/best"])
        assert f"epoch {epoch}: " in outcome.err
        assert "Traceback" not in outcome.err
    generated = call("generate", "To be", "--length", "7", "--model", folder / "run" / "best")
    assert (generated.status, len(generated.out)) == (0, 13)


def test_train_takes_settings_and_resumes(trained):
    folder, _ = trained
    epochs = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [each["epoch"] for each in epochs] == [1, 2]
    assert epochs[1]["step"] == 2 * epochs[0]["step"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "training.epoch=3"), "unknown setting epoch; did you mean epochs?"),
        (("--set", "training.epochs"), "--set training.epochs: must be section.key=value"),
        (("--set", "training.epochs=many"), "epochs must be a whole number, got 'many'"),
        (("--set", "model.cell=rnm"), "cell must be 'lstm' or 'gru' or 'rnn', got 'rnm'"),
        (("--set", "text=missing.txt"), "missing.txt does not exist; check the path"),
        (("--set", "window=100000"), "tokens are too few to learn from"),
        (("--set", "output=other", "--resume"), "no checkpoint to resume from; train without --resume"),
        (("--set", "output=text.txt"), "text.txt: "),
    ],
)
def test_train_names_the_wrong_setting(trained, call, monkeypatch, arguments, message):
    monkeypatch.chdir(trained[0])
    outcome = call("train", "language-model", "recipe.toml", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert message in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("kind", ["captioner", "translator", "language-model"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read .No such file or directory.; give the path of a TOML recipe"),
        ("output = ", "not valid TOML"),
        ("", "the setting output is missing"),
        ("outputs = 'run'", "unknown setting outputs; did you mean output?"),
    ],
)
def test_train_names_a_wrong_recipe(call, tmp_path, kind, content, message):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_text(content)
    outcome = call("train", kind, path)
    assert (outcome.status, outcome.out) == (1, "")
    assert re.fullmatch(rf"error: {path}: {message}.*\n", outcome.err)
