import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from captioning.model import Captioner
from captioning.vision import import_models
from common.search import Beam
from data.synthetic import write_shapes

ORIENTATION = 0x112


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of pictures of all kinds, and of files that are none: name to what is wrong."""
    folder = tmp_path_factory.mktemp("photographs")
    noise = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((240, 320), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    picture.save(folder / "colour.jpg")
    picture.convert("L").save(folder / "grey.png")
    picture.convert("P").save(folder / "palette.png")
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("RGBA").save(folder / "transparent.png")
    picture.save(folder / "turned.jpg", exif=turned)
    Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(folder / "wide.png")
    (folder / "a").mkdir()
    shutil.copy(folder / "colour.jpg", folder / "a" / "Größe 😀.jpg")
    (folder / "notes.txt").write_text("not a picture, and not named like one")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("hello")
    whole = (folder / "colour.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 20_000)).save(folder / "huge.png")
    bad = {
        "empty.jpg": "the file is empty; download or copy it again",
        "huge.png": "more than 178,956,970 pixels; scale it down first",
        "text.jpg": "not a picture in a known format; give a JPEG",
        "truncated.jpg": "the file ends early; download or copy it again",
    }
    return folder, bad


@pytest.fixture
def caption(call, tiny_captioner):
    """Caption with the tiny model, in this process."""
    return lambda *arguments: call("caption", "--model", tiny_captioner, *arguments)


@pytest.mark.parametrize("module", ["common", "captioning"])
def test_caption_as_a_process(inwords, caption, tiny_captioner, photographs, module):
    paths = [photographs[0] / "colour.jpg", photographs[0] / "grey.png"]
    outcome = inwords(*["caption"] * (module == "common"), *paths, "--model", tiny_captioner, module=module)
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.lines) == 2
    assert outcome.out == caption(*paths).out


def test_a_folder_of_good_and_bad_files(caption, photographs):
    folder, bad = photographs
    outcome = caption(folder, "--format", "jsonl")
    assert outcome.status == 1
    records = {record["image"]: record for record in outcome.records}
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.[jp][pn]g"))
    assert list(records) == [str(folder / name) for name in names]
    for name in names:
        record = records[str(folder / name)]
        if name in bad:
            assert list(record) == ["image", "error"]
            assert record["error"].startswith(f"{folder / name}: {bad[name]}")
            assert f"error: {record['error']}\n" in outcome.err
        else:
            assert list(record) == ["image", "caption", "score", "language"]
            assert record["language"] == "en"
            assert record["score"] < 0
    assert outcome.err.splitlines()[-1] == "4 of 12 photographs could not be captioned"
    assert len(outcome.err.splitlines()) == 5


def test_text_has_a_line_for_each(caption, photographs):
    folder, _ = photographs
    outcome = caption(folder / "empty.jpg", folder / "colour.jpg", folder, "--count", "2")
    assert outcome.status == 1
    assert len(outcome.lines) == 2 * (2 + 12)
    assert outcome.lines[:2] == ["", ""]
    alone = caption(folder / "colour.jpg", "--count", "2")
    assert (alone.status, alone.err) == (0, "")
    assert outcome.lines[2:4] == alone.lines


def test_count_adds_alternatives(caption, tiny_captioner, photographs):
    path = photographs[0] / "colour.jpg"
    (record,) = caption(path, "--format", "jsonl", "--beam", "4", "--count", "3").records
    result = Captioner.load(tiny_captioner).caption(path, Beam(4, count=3))
    expected = [
        {"image": str(path), "caption": each.text, "score": round(each.score, 4), "language": "en"}
        for each in (result, *result.alternatives)
    ]
    assert record == {**expected[0], "alternatives": expected[1:]}


def test_captions_keep_to_constraints(caption, photographs):
    path = photographs[0] / "colour.jpg"
    flags = ("--prefix", "a do", "--ban", "dog", "--format", "jsonl")
    for strategy in (("--count", "3"), ("--count", "3", "--diversity", "1"), ("--temperature", "2")):
        (record,) = caption(path, *flags, *strategy).records
        for each in [record, *record.get("alternatives", [])]:
            assert each["caption"].startswith("a do")
            assert not re.match(r"a dog\b", each["caption"])
    lines = [caption(path, "--min-length", "3", "--max-length", str(most)).out for most in (3, 9)]
    assert lines[0] != lines[1]


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (("--prefix", "the dog", "--ban", "dog"), 2, "--prefix must not have the banned word 'dog' in it"),
        (("--min-length", "5", "--max-length", "4"), 2, "--max-length must be at least 5, got 4"),
        (("--prefix", "quite a long beginning"), 1, "the prefix 'quite a long beginning' is longer than"),
    ],
)
def test_constraints_that_cannot_be_kept(caption, photographs, flags, status, message):
    outcome = caption(photographs[0] / "colour.jpg", *flags)
    assert (outcome.status, outcome.out) == (status, "")
    assert re.fullmatch(rf"error: {re.escape(message)}.*\n", outcome.err)


def test_samples_depend_on_the_place_of_a_photograph_alone(caption, photographs):
    folder, _ = photographs
    good, bad = folder / "colour.jpg", folder / "text.jpg"
    flags = ("--temperature", "1.5", "--seed", "3")
    whole = caption(good, good, good, *flags).lines
    assert len(set(whole)) > 1
    assert caption(good, bad, good, *flags).lines == [whole[0], "", whole[2]]
    assert caption(good, good, good, "--temperature", "1.5", "--seed", "4").lines != whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.jpg",), "missing.jpg: there is no such file; check the path"),
        (("empty",), "empty: no picture in this folder; give one with JPEG or PNG files"),
        (("two\nlines.jpg",), "'two\\nlines.jpg': there is no such file; check the path"),
        (("none*.jpg",), "none*.jpg: there is no such file; check the path"),
    ],
)
def test_what_is_no_photograph_is_an_empty_line(caption, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    outcome = caption(*arguments)
    assert (outcome.status, outcome.out, outcome.err) == (1, "\n", f"error: {message}\n")


def test_an_empty_folder_does_not_stop_the_others(caption, photographs, tmp_path):
    outcome = caption(tmp_path, photographs[0] / "colour.jpg", "--format", "jsonl")
    assert outcome.status == 1
    assert [sorted(record) for record in outcome.records] == [
        ["error", "image"],
        ["caption", "image", "language", "score"],
    ]
    assert "1 of 2 photographs could not be captioned" in outcome.err


def test_names_that_are_not_text(caption, photographs, tmp_path):
    name = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    try:
        shutil.copy(photographs[0] / "colour.jpg", name)
    except OSError:
        pytest.skip("this file system wants names that are UTF-8")
    for output in ((), ("--output", tmp_path / "out.jsonl")):
        outcome = caption(tmp_path, "--format", "jsonl", *output)
        assert (outcome.status, outcome.err) == (0, "")
    assert [record["image"] for record in caption(tmp_path, "--format", "jsonl").records] == [str(name)]
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["image"] == str(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--language", "de"), "this model does not write captions in de; it writes en"),
        (("--model", "missing"), "missing: no such model directory; see `inwords models`"),
        (("--output", "missing/out.txt"), "missing/out.txt: cannot be written"),
    ],
)
def test_caption_names_what_is_wrong(caption, photographs, arguments, message):
    outcome = caption(photographs[0] / "colour.jpg", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Twelve drawings and the file of their captions."""
    folder = tmp_path_factory.mktemp("shapes")
    return folder, write_shapes(folder, 12, seed=1)


def test_evaluate(inwords, caption, tiny_captioner, shapes, tmp_path):
    folder, references = shapes
    flags = ("--images", folder, "--references", references, "--model", tiny_captioner, "--beam", "1")
    output = tmp_path / "written.txt"
    outcome = inwords("evaluate", "captions", *flags, "--output", output)
    assert (outcome.status, outcome.err) == (0, "")
    names = [line.split(" ")[0] for line in outcome.lines[:6]]
    assert names == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", "sacreBLEU"]
    assert re.fullmatch(r"12 photographs\|beam:1\|length:1\.0\|model:[0-9a-f]{8}", outcome.lines[-1])
    assert output.read_text(encoding="utf-8") == caption(folder, "--beam", "1").out


def test_evaluate_leaves_out_what_cannot_be_read(call, tiny_captioner, shapes, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(shapes[0], folder)
    (folder / "shapes-00003.png").write_text("hello")
    output = tmp_path / "written.txt"
    flags = ("--images", folder, "--references", shapes[1], "--model", tiny_captioner, "--output", output)
    outcome = call("evaluate", "captions", *flags)
    assert outcome.status == 1
    assert outcome.err.startswith(f"error: {folder}/shapes-00003.png: not a picture")
    assert outcome.lines[-1].startswith("11 photographs|")
    written = output.read_text(encoding="utf-8").split("\n")
    assert len(written) == 13
    assert written[3] == ""  # in line with the images still


@pytest.mark.parametrize(
    ("images", "references", "message"),
    [
        ("missing", "captions.tsv", "missing: no such folder; give that of the photographs as --images"),
        ("empty", "captions.tsv", "empty: none of the 12 photographs could be read; check --images"),
        (".", "missing.tsv", "missing.tsv does not exist; check the path"),
        (".", "shapes-00000.png", "shapes-00000.png"),
    ],
)
def test_evaluate_names_what_is_wrong(
    call, tiny_captioner, shapes, tmp_path, monkeypatch, images, references, message
):
    shutil.copytree(shapes[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    flags = ("--images", images, "--references", references, "--model", tiny_captioner)
    outcome = call("evaluate", "captions", *flags)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith(f"error: {message}")


@pytest.fixture(scope="module")
def trained(inwords, shapes, tmp_path_factory):
    """A captioner of shapes trained for an epoch and, as another process, for one more."""
    folder = tmp_path_factory.mktemp("training")
    torch.manual_seed(0)
    save_file(import_models().resnet18(weights=None).state_dict(), folder / "resnet18.safetensors")
    data = f'images = "{shapes[0]}"\ncaptions = "{shapes[1]}"\n'
    (folder / "recipe.toml").write_text(
        f'output = "run"\nfeatures = "features"\ntokens_per_batch = 100\n[data]\n{data}[validation]\n{data}'
        '[model]\nbackbone = "resnet18"\nweights = "resnet18.safetensors"\nimage_size = 32\n'
        "vocabulary_size = 270\nembedding_size = 8\ndecoder_size = 16\ndecoder_layers = 1\n"
        'maximum_length = 12\nstorage = "int8"\n'
        "[training]\nepochs = 2\nthreads = 1\n"
    )
    call = ("train", "captioner", "recipe.toml")
    outcomes = [
        inwords(*call, "--set", "training.epochs=1", cwd=folder),
        inwords(*call, "--resume", cwd=folder),
    ]
    return folder, outcomes


def test_train_and_resume(trained, shapes, call):
    folder, outcomes = trained
    for epoch, outcome in enumerate(outcomes, start=1):
        assert (outcome.status, outcome.lines) == (0, ["run/best"])
        assert f"epoch {epoch}: " in outcome.err
    epochs = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [each["epoch"] for each in epochs] == [1, 2]
    assert len(list((folder / "features").iterdir())) == 1  # computed once
    captioned = call("caption", shapes[0], "--model", folder / "run" / "best")
    assert (captioned.status, len(captioned.lines)) == (0, 12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "model.backbon=resnet50"), "unknown setting backbon; did you mean backbone?"),
        (("--set", "model.backbone=vgg16"), "backbone must be one of resnet18"),
        (("--set", "model.backbone=resnet34"), "resnet18.safetensors: not the weights of a resnet34"),
        (("--set", "model.weights=recipe.toml"), "recipe.toml: no weights could be read"),
        (("--set", "data.images=elsewhere"), "no such image (12 of 12 are missing); mend `images`"),
        (("--set", "output=other", "--resume"), "no checkpoint to resume from; train without --resume"),
    ],
)
def test_train_names_the_wrong_setting(trained, call, monkeypatch, arguments, message):
    monkeypatch.chdir(trained[0])
    outcome = call("train", "captioner", "recipe.toml", *arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert message in outcome.err.splitlines()[-1]
