import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import time

import numpy as np
import pytest
from PIL import Image

from captioning.model import Captioner
from common.search import Beam

ORIENTATION = 0x112
SAMPLES = ("--temperature", "1.5", "--seed", "3")
"""Each caption depends on the place of its photograph."""


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
    return lambda *arguments, **options: call("caption", "--model", tiny_captioner, *arguments, **options)


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
        {"caption": each.text, "score": round(each.score, 4)} for each in (result, *result.alternatives)
    ]
    assert record == {"image": str(path), **expected[0], "language": "en", "alternatives": expected[1:]}
    assert len({each["caption"] for each in expected}) == 3


def test_captions_keep_to_constraints(caption, photographs):
    path = photographs[0] / "colour.jpg"
    flags = ("--prefix", "a do", "--ban", "dog", "--format", "jsonl")
    for strategy in (("--count", "3"), ("--count", "3", "--diversity", "1"), ("--temperature", "2")):
        (record,) = caption(path, *flags, *strategy).records
        for each in [record, *record.get("alternatives", [])]:
            assert each["caption"].startswith("A do")
            assert not re.match(r"A dog\b", each["caption"])
    lines = [caption(path, "--min-length", "3", "--max-length", str(most)).out for most in (3, 9)]
    assert lines[0] != lines[1]


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (("--prefix", "the dog", "--ban", "dog"), 2, "--prefix must not have the banned word 'dog' in it"),
        (("--min-length", "5", "--max-length", "4"), 2, "--max-length must be at least 5, got 4"),
        (("--prefix", "quite a long beginning"), 1, "the prefix 'Quite a long beginning' is longer than"),
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
def album(tmp_path_factory):
    """Two hundred small files in folders within folders, every fifth of which is no picture."""
    folder, noise = tmp_path_factory.mktemp("album"), np.random.default_rng(1)
    for number in range(200):
        path = folder / f"{number // 50}" / f"{number % 3}" / f"{number:03}.{'jpg' if number % 2 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 5 == 2:
            path.write_bytes(noise.bytes(number))
        else:
            Image.fromarray(noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return folder


def test_two_hundred_good_and_bad_files_as_a_process(inwords, tiny_captioner, album, tmp_path):
    flags = ("--model", tiny_captioner, "--format", "jsonl", "--beam", "1", "--threads", "1")
    outcome = inwords("caption", album, *flags)
    assert outcome.status == 1
    assert [record["image"] for record in outcome.records] == sorted(map(str, album.rglob("*.*")))
    failed = [record for record in outcome.records if "error" in record]
    assert [int(record["image"][-7:-4]) % 5 for record in failed] == [2] * 40
    *errors, last = outcome.err.splitlines()
    assert errors == [f"error: {record['error']}" for record in failed]
    assert last == "40 of 200 photographs could not be captioned"


def test_after_kill_9_it_goes_on_without_redoing_or_losing_a_photograph(
    caption, tiny_captioner, environment, album, tmp_path
):
    target = tmp_path / "out.jsonl"
    flags = ("--format", "jsonl", *SAMPLES, "--max-length", "3", "--output", str(target))
    half = [str(album / "0"), str(album / "1")]
    call = [sys.executable, "-m", "common", "caption", *half, "--model", str(tiny_captioner), *flags]
    process = subprocess.Popen(call, env=environment, stderr=subprocess.DEVNULL)
    part = tmp_path / "out.jsonl.part"
    deadline = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert not target.exists()
    done = part.read_bytes()
    part.write_bytes(done + b'{"image": "half a re')
    assert done
    resumed = caption(*half, *flags, "--resume")
    assert resumed.status == 1
    assert target.read_bytes().startswith(done)
    whole = caption(*half, *flags[:-2])
    assert target.read_text(encoding="utf-8") == whole.out
    assert os.listdir(tmp_path) == ["out.jsonl"]
    # What was reported before the interruption is not reported again.
    assert set(resumed.err.splitlines()[:-1]) <= set(whole.err.splitlines())


@pytest.fixture
def three(tmp_path):
    """Three pictures, and where the caption of the first is what an interrupted run has left."""
    (tmp_path / "three").mkdir()
    for name in ("a", "b", "c"):
        Image.new("RGB", (8, 8), (0, 0, ord(name))).save(tmp_path / "three" / f"{name}.png")
    return tmp_path / "three", tmp_path / "out"


def interrupted(caption, folder, target, *flags):
    """Caption and leave only the first line, as an interrupted run does."""
    first = caption(folder, *flags).out.splitlines(keepends=True)[0]
    target.with_name(target.name + ".part").write_text(first, encoding="utf-8")


@pytest.mark.parametrize("change", ["added", "removed", "renamed"])
def test_a_folder_that_has_changed_is_not_resumed(caption, three, change):
    folder, target = three
    interrupted(caption, folder, target, "--format", "jsonl")
    match change:
        case "added":
            shutil.copy(folder / "a.png", folder / "A.png")
        case "removed":
            (folder / "a.png").unlink()
        case "renamed":
            (folder / "a.png").rename(folder / "aa.png")
    outcome = caption(folder, "--format", "jsonl", "--output", target, "--resume")
    assert outcome.status == 1
    assert re.match(
        r"what is done is kept in .*\nerror: .*out\.part, line 1: not .*\.png; photographs have come",
        outcome.err,
    )
    assert not target.exists()


def test_what_comes_later_may_change_and_the_format_may_not(caption, three):
    folder, target = three
    interrupted(caption, folder, target, "--format", "jsonl")
    shutil.copy(folder / "c.png", folder / "d.png")
    assert caption(folder, "--format", "jsonl", "--output", target, "--resume").status == 0
    assert len(target.read_text().splitlines()) == 4
    target.unlink()
    interrupted(caption, folder, target)
    assert caption(folder, "--format", "jsonl", "--output", target, "--resume").status == 1


def test_standard_input_is_one_picture(inwords, caption, tiny_captioner, photographs):
    path = photographs[0] / "turned.jpg"
    outcome = inwords("caption", "-", "--model", tiny_captioner, stdin=path.read_bytes())
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == caption(path).out
    first, second = caption(path, "-", "--format", "jsonl", stdin=path.read_bytes()).records
    assert (second["image"], second["caption"]) == ("-", first["caption"])


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"", "standard input: nothing came; send a picture: inwords caption - < photo.jpg"),
        (None, "standard input: nothing came; send a picture: inwords caption - < photo.jpg"),
        (b"hello", "standard input: not a picture in a known format; give a JPEG, PNG or WebP file"),
    ],
)
def test_no_picture_on_standard_input(caption, stdin, message):
    outcome = caption("-", stdin=stdin)
    assert (outcome.status, outcome.out) == (1, "\n")
    assert outcome.err.startswith(f"error: {message}")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_list_of_paths(caption, photographs, tmp_path, packed):
    folder, _ = photographs
    lines = (
        f"{folder}/colour.jpg\r\n\n{folder}/empty.jpg\n{folder}\n{folder}/grey.png".encode() + b"\ncaf\xe9"
    )
    path = tmp_path / ("list.gz" if packed else "list.txt")
    path.write_bytes(gzip.compress(lines) if packed else lines)
    outcome = caption("--input", path)
    assert outcome.status == 1
    good = caption(folder / "colour.jpg", folder / "grey.png").lines
    assert outcome.lines == [good[0], "", "", "", good[1], ""]
    errors = outcome.err.splitlines()
    messages = [
        "line 2: there is no path; write that of a picture",
        f"line 3: {folder}/empty.jpg: the file is empty",
        f"line 4: {folder}: this is a folder",
        "line 6: byte 4 (0xe9) is not UTF-8",
    ]
    for error, message in zip(errors[:-1], messages, strict=True):
        assert error.startswith(f"error: {path}, {message}")
    assert errors[-1] == "4 of 6 photographs could not be captioned"
    piped = caption("--input", "-", "--format", "jsonl", stdin=lines)
    assert [record.get("caption", "") for record in piped.records] == outcome.lines


RECORDS = """\
{"photo": "a.png", "id": 1, "caption": "old", "tags": ["x", null]}
{"photo": "missing.png", "id": 2}
{"id": 3}
{"photo": "b.png", "id": 4, "error": "of an earlier run"}
not JSON
"""


def test_records_keep_their_fields_and_bad_ones_their_places(caption, three, monkeypatch):
    folder, _ = three
    monkeypatch.chdir(folder)
    (folder / "in.jsonl").write_text(RECORDS)
    outcome = caption("--input", "in.jsonl", "--field", "photo")
    assert outcome.status == 1
    texts = caption("a.png", "b.png").lines
    first, missing, without, again, broken = outcome.records
    assert list(first) == ["photo", "id", "tags", "caption", "score", "language"]
    assert (first["photo"], first["tags"], first["caption"]) == ("a.png", ["x", None], texts[0])
    assert missing == {
        "photo": "missing.png",
        "id": 2,
        "error": "missing.png: there is no such file; check the path",
    }
    assert "has no field 'photo'" in without["error"]
    assert (again["caption"], "error" in again) == (texts[1], False)
    assert "not JSON" in broken["error"]
    # In a file named so, the field is `image` unless another is named.
    (folder / "in.jsonl").write_text(RECORDS.replace("photo", "image"))
    assert [record.get("id") for record in caption("--input", "in.jsonl").records] == [1, 2, 3, 4, None]


def test_captions_go_on_to_be_translated(caption, call, tiny_translator, photographs):
    folder, _ = photographs
    captioned = caption(folder, "--format", "jsonl")
    flags = ("--field", "caption", "--from", "en", "--to", "de", "--model", tiny_translator)
    outcome = call("translate", *flags, stdin=captioned.out.encode())
    assert outcome.status == 1
    assert len(outcome.records) == len(captioned.records) == 12
    for record, before in zip(outcome.records, captioned.records, strict=True):
        assert record["image"] == before["image"]
        assert record.get("error") == before.get("error")
        assert ("translation" in record) == ("caption" in before)
    errors = [record["error"] for record in captioned.records if "error" in record]
    assert [line.partition(": ")[2].partition(": ")[2] for line in outcome.err.splitlines()] == errors


def on_a_terminal(arguments, environment):
    """What a process shows on a terminal as its standard output, and on one as its standard error."""
    shown = []
    for stream in ("stdout", "stderr"):
        terminal, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, 100))
        others = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
        call = [sys.executable, "-m", "common", *map(str, arguments)]
        process = subprocess.Popen(call, env=environment, stdin=subprocess.DEVNULL, **others)
        os.close(theirs)
        text = b""
        try:
            while data := os.read(terminal, 65536):
                text += data
        except OSError:  # the other end is closed
            pass
        process.wait(60)
        os.close(terminal)
        shown.append(text.decode().replace("\r\n", "\n"))
    return shown


def test_at_a_terminal_names_stand_before_captions_and_a_bar_shows_the_rest(
    caption, tiny_captioner, environment, three
):
    folder, _ = three
    (folder / "b.png").rename(folder / "two\nlines.png")
    arguments = ("caption", folder, "--model", tiny_captioner, "--beam", "1")
    results, progress = on_a_terminal(arguments, environment)
    names = [f"{folder}/a.png", f"{folder}/c.png", f"'{folder}/two\\nlines.png'"]
    texts = caption(folder, "--beam", "1").lines
    assert results == "".join(f"{name}\t{text}\n" for name, text in zip(names, texts, strict=True))
    assert re.search(r"100%.*3/3 .*photo", progress)


def test_a_huge_panorama_and_odd_files_say_nothing_on_standard_error(inwords, tiny_captioner, tmp_path):
    Image.new("L", (24_000, 4_200)).save(tmp_path / "panorama.jpg")
    palette = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes(range(256)))
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "animated.gif", save_all=True, append_images=frames[1:])
    outcome = inwords("caption", tmp_path, "--model", tiny_captioner)
    assert (outcome.status, outcome.err, len(outcome.lines)) == (0, "", 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: PHOTO, or --input"),
        ("a.jpg --input b", "give PHOTO or --input, not both"),
        ("a.jpg --field b", "give PHOTO or --field, not both"),
        ("--field b", "the following arguments are required: PHOTO"),
        ("a.jpg --threads 0", "--threads: must be a whole number from 1 to 9999, got 0"),
        ("a.jpg --threads x", "--threads: must be a whole number from 1 to 9999, got x"),
    ],
)
def test_flags_that_contradict_each_other(caption, arguments, message):
    outcome = caption(*arguments.split())
    assert (outcome.status, outcome.out) == (2, "")
    assert re.fullmatch(rf"error: .*{re.escape(message)}.* \(see inwords caption --help\)\n", outcome.err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "missing.txt"), "missing.txt does not exist; check the path"),
        (("a.jpg", "--resume"), "--resume goes on with a file; name that of the interrupted run as --output"),
    ],
)
def test_what_cannot_be_done_is_one_line(caption, arguments, message):
    outcome = caption(*arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: {message}\n"
