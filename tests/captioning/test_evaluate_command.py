import json
import re
import shutil

import pytest

from captioning.scores import caption_scores
from data.synthetic import write_shapes

SCORES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", "ROUGE-L", "sacreBLEU"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Twelve drawings, the file of their captions, and these captions."""
    folder = tmp_path_factory.mktemp("shapes")
    references = write_shapes(folder, 12, seed=1)
    captions = [line.split("\t")[1] for line in references.read_text(encoding="utf-8").splitlines()[1:]]
    return folder, references, captions


@pytest.fixture
def score(call, shapes, tmp_path):
    """Score captions: a file of them for each text or list of records; returns the outcome and the files."""

    def run(captions, *arguments):
        path = tmp_path / "captions"
        lines = [each if isinstance(each, str) else json.dumps(each) for each in captions]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return call("evaluate", "captions", "--references", shapes[1], "--captions", path, *arguments)

    return run


def test_captions_photographs(inwords, call, tiny_captioner, shapes, tmp_path):
    """A process."""
    flags = ("--images", shapes[0], "--references", shapes[1], "--model", tiny_captioner, "--beam", "1")
    output = tmp_path / "written.txt"
    outcome = inwords("evaluate", "captions", *flags, "--output", output)
    assert (outcome.status, outcome.err) == (0, "")
    assert [line.split(" ")[0] for line in outcome.lines[:7]] == SCORES
    assert re.fullmatch(r"12 photographs\|beam:1\|length:1\.0\|model:[0-9a-f]{8}", outcome.lines[-1])
    captioned = call("caption", shapes[0], "--model", tiny_captioner, "--beam", "1")
    assert output.read_text(encoding="utf-8") == captioned.out
    # Its captions, scored as a file, score the same.
    again = call("evaluate", "captions", "--references", shapes[1], "--captions", output)
    assert again.lines == [*outcome.lines[:-1], f"12 photographs|captions:{output}"]


def test_everything_at_once(call, tiny_captioner, shapes, tmp_path):
    other, page = tmp_path / "other", tmp_path / "page.html"
    other.write_text("\n".join(shapes[2]))
    outcome = call(
        *("evaluate", "captions", "--images", shapes[0], "--references", shapes[1], "--language", "en"),
        *("--model", tiny_captioner, "--ban", "dog", "--min-length", "4", "--confidence"),
        *("--compare", other, "--report", page, "--format", "json"),
    )
    assert (outcome.status, outcome.err) == (0, "")
    found = json.loads(outcome.out)
    assert (found["photographs"], found["language"], found["compare"]) == (12, "en", str(other))
    assert found["decoding"] == "beam:3|length:1.0|ban:['dog']|min-length:4"
    assert list(found["scores"]) == list(found["comparison"]) == SCORES
    for name, each in found["scores"].items():
        assert each["interval"][0] <= each["interval"][1]
        assert each["signature"].startswith("nrefs:1|bs:1000|seed:12345|")
        assert found["comparison"][name]["other"] == pytest.approx(10 if name == "CIDEr-D" else 100)
        assert found["comparison"][name]["verdict"] == "worse"
    assert found["people"]["captions"] == found["wording"]["captions"] == 12
    html = page.read_text(encoding="utf-8")
    assert html.count("<article") == html.count("<img") == 12
    assert found["model"] in html


def test_records_in_any_order_score_as_lines(score, shapes):
    captions = [f"a {text}" for text in shapes[2]]
    records = [
        {"image": f"somewhere/shapes-{number:05}.png", "caption": caption}
        for number, caption in enumerate(captions)
    ]
    lines, jsonl = score(captions), score(records[::-1])
    assert lines.lines == jsonl.lines
    expected = caption_scores(captions, [[text] for text in shapes[2]])
    assert lines.lines[:-1] == str(expected).splitlines()


def test_names_choose_and_order(score, shapes, tmp_path):
    names = tmp_path / "names"
    names.write_text("shapes-00005.png\nshapes-00002.png\n")
    outcome = score([shapes[2][5], shapes[2][2]], "--names", names)
    assert outcome.lines[0].startswith("BLEU-1 100.0 ")
    assert outcome.lines[-1].startswith("2 photographs|")


def test_german(score, shapes):
    outcome = score(["ein Hund auf der", "zwei"] * 6, "--language", "de", "--format", "json")
    found = json.loads(outcome.out)
    assert (found["language"], found["wording"]["unfinished"], found["people"]["unfinished"]) == (
        "de",
        0.5,
        0,
    )


def test_comparison_in_words(score, shapes, tmp_path):
    outcome = score(shapes[2], "--compare", tmp_path / "captions")
    assert f"compared with {tmp_path / 'captions'}:" in outcome.lines
    pattern = r"CIDEr-D (\S+) against \1: \+0\.00, p = 1\.0000, no significant difference \(nrefs:1\|.*\)"
    assert [bool(re.fullmatch(pattern, line)) for line in outcome.lines].count(True) == 1


def test_leaves_out_what_cannot_be_read(call, tiny_captioner, shapes, tmp_path):
    folder, other = tmp_path / "images", tmp_path / "other"
    shutil.copytree(shapes[0], folder)
    (folder / "shapes-00003.png").write_text("hello")
    other.write_text("\n".join(shapes[2]))
    output = tmp_path / "written.txt"
    flags = ("--images", folder, "--references", shapes[1], "--model", tiny_captioner, "--output", output)
    outcome = call("evaluate", "captions", *flags, "--compare", other)
    assert outcome.status == 1
    assert outcome.err.startswith(f"error: {folder}/shapes-00003.png: not a picture")
    assert outcome.lines[-1].startswith("11 photographs|")
    assert any(re.match(r"CIDEr-D \S+ against 10\.00: ", line) for line in outcome.lines)
    written = output.read_text(encoding="utf-8").split("\n")
    assert len(written) == 13
    assert written[3] == ""  # in line with the images still


def test_leaves_out_what_could_not_be_captioned(score, shapes):
    records = [
        {"image": f"shapes-{number:05}.png"}
        | ({"error": "it is broken"} if number == 4 else {"caption": text})
        for number, text in enumerate(shapes[2])
    ]
    outcome = score(records)
    assert (outcome.status, outcome.err) == (1, "error: it is broken\n")
    assert outcome.lines[-1].startswith("11 photographs|")
    nothing = score([{"image": f"shapes-{number:05}.png", "error": "broken"} for number in range(12)])
    assert nothing.err.splitlines()[-1].endswith("captions: none of the 12 photographs has a caption")


@pytest.mark.parametrize(
    ("images", "references", "message"),
    [
        ("missing", "captions.tsv", "missing: no such folder; give that of the photographs as --images"),
        ("empty", "captions.tsv", "empty: none of the 12 photographs could be read; check --images"),
        (".", "missing.tsv", "missing.tsv does not exist; check the path"),
        (".", "shapes-00000.png", "shapes-00000.png"),
    ],
)
def test_names_what_is_wrong(
    call, tiny_captioner, shapes, tmp_path, monkeypatch, images, references, message
):
    shutil.copytree(shapes[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    flags = ("--images", images, "--references", references, "--model", tiny_captioner)
    outcome = call("evaluate", "captions", *flags)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith(f"error: {message}")


def test_a_report_that_cannot_be_written_is_noticed_first(score, tmp_path):
    outcome = score([], "--report", tmp_path)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == f"error: {tmp_path}: is a folder; name a file in it as --report\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "to caption photographs, give their folder as --images; to score a file, --captions"),
        (("--captions", "x", "--beam", "3"), "--beam has no effect with --captions: nothing is captioned"),
        (("--captions", "x", "--ban", "dog"), "--ban has no effect with --captions"),
        (("--captions", "x", "--model", "x"), "--model has no effect with --captions"),
        (("--captions", "x", "--output", "x"), "--output has no effect with --captions"),
        (("--images", "x", "--count", "2"), "unrecognized arguments: --count 2"),
    ],
)
def test_wrong_calls(call, flags, message):
    outcome = call("evaluate", "captions", "--references", "x", *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {message}")
