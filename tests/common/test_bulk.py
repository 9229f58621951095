import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from common.bulk import BulkOutput, Item, merge, open_bulk_output, progress, read_items
from common.errors import InputError
from common.output import open_output

ROOT = Path(__file__).parents[2]


def stored(path: Path, content: bytes) -> Path:
    """The content in a file, compressed if its name says so."""
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def texts(path: Path | None, field: str | None = None) -> list[str]:
    items = list(read_items(path, field))
    assert [item.number for item in items] == list(range(1, len(items) + 1))
    assert [item.error for item in items if item.error] == []
    return [item.text for item in items]


UNUSUAL = [
    (b"", []),
    (b"\n", [""]),
    (b"\n\none\n\n", ["", "", "one", ""]),
    (b"one\r\n\r\ntwo\r\n", ["one", "", "two"]),
    (b"one\r\ntwo", ["one", "two"]),
    (b"one\rstill one\n", ["one\rstill one"]),
    (b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n", ["one", "\ufefftwo"]),
    (
        " a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\0 \n😀".encode(),
        [" a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\0 ", "😀"],
    ),
]


@pytest.mark.parametrize(("written", "lines"), UNUSUAL)
@pytest.mark.parametrize("name", ["plain.txt", "named.gz"])
def test_a_line_is_an_item_whatever_is_in_it(tmp_path, written, lines, name):
    assert texts(stored(tmp_path / name, written)) == lines


@pytest.mark.parametrize(("written", "lines"), UNUSUAL)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_read_as_a_file_is(monkeypatch, written, lines, pack):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pack(written))))
    assert texts(None) == lines


def test_a_line_typed_is_an_item_before_the_next_is(environment):
    """Nothing waits for more than a line: at a terminal that would never come."""
    code = "from common.bulk import read_items\nfor item in read_items(None): print(item.text, flush=True)"
    call = [sys.executable, "-c", code]
    with subprocess.Popen(
        call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT
    ) as child:
        assert child.stdin
        assert child.stdout
        for word in (b"one\n", b"two\n"):
            child.stdin.write(word)
            child.stdin.flush()
            assert child.stdout.readline() == word


def test_a_named_pipe_is_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(gzip.compress(b"one\ntwo\n"),))
    writer.start()
    assert texts(path) == ["one", "two"]
    writer.join()


@pytest.mark.parametrize("name", ["records.jsonl", "records.jsonl.gz"])
def test_records_come_with_all_their_fields(tmp_path, name):
    records = [{"id": 7, "text": "Käse\u2028\n 😀", "n": {"a": [None, 1.5]}}, {"text": ""}]
    lines = [json.dumps(records[0]), "", json.dumps(records[1], ensure_ascii=False)]
    items = list(read_items(stored(tmp_path / name, "\r\n".join(lines).encode()), "text"))
    assert items == [
        Item(1, "Käse\u2028\n 😀", records[0], ending="\r\n"),
        Item(2, "", ending="\r\n"),
        Item(3, "", records[1]),
    ]


def test_plain_lines_are_not_taken_for_records(tmp_path):
    assert texts(stored(tmp_path / "lines.txt", b'{"text": "a"}\n[\n')) == ['{"text": "a"}', "["]


BAD_RECORDS = [
    (b'{"text": "a"', r"not JSON \(Expecting ',' delimiter at character 13\); write one whole record"),
    (b"plain", r"not JSON \(Expecting value at character 1\)"),
    (b'{"text": "\xfc"}', r"byte 11 \(0xfc\) is not UTF-8; convert the file first"),
    (b'["text"]', "not a record; write"),
    (b'"text"', "not a record; write"),
    (
        b'{"Text": "a", "id": 1}',
        "has no field 'text' but 'Text', 'id'; name the one with the text as --field",
    ),
    (b"{}", "has no field 'text' but none;"),
    (b'{"text": 5}', "field 'text' is 5, not a text; write it in quotes"),
    (b'{"text": null}', "field 'text' is None, not a text"),
    (b'{"text": "\\ud800"}', "field 'text' has half a surrogate pair"),
    (b"[" * 100_000, r"JSON that cannot be read \(.*recursion.*\); leave this record out"),
    (b'{"text": "a", "n": ' + b"1" * 5000 + b"}", "JSON that cannot be read .*; leave this record out"),
]


def test_a_bad_line_does_not_stop_the_others(tmp_path):
    good = b'{"text": "good"}'
    path = stored(tmp_path / "in.jsonl", b"\n".join([good, *(line for line, _ in BAD_RECORDS), good]) + b"\n")
    items = list(read_items(path, "text"))
    assert [item.number for item in items if item.error] == list(range(2, len(BAD_RECORDS) + 2))
    assert [item.text for item in items if not item.error] == ["good", "good"]


@pytest.mark.parametrize(("line", "message"), BAD_RECORDS, ids=range(len(BAD_RECORDS)))
def test_a_bad_line_says_why(tmp_path, line, message):
    (item,) = read_items(stored(tmp_path / "in.jsonl", line), "text")
    with pytest.raises(InputError, match=f"^{message}") as caught:
        raise item.error
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    item.text.encode()


def test_garbage_is_as_many_items_as_lines(tmp_path):
    garbage = [bytes((37 * i * j + i) % 256 for j in range(1, 60)).replace(b"\n", b"") for i in range(50)]
    items = list(read_items(stored(tmp_path / "garbage", b"\n".join(garbage))))
    assert len(items) == 50
    for item, line in zip(items, garbage, strict=True):
        assert item.text == line.removesuffix(b"\r").decode(errors="replace")
        assert (item.error is None) == (item.text.encode() == line.removesuffix(b"\r"))


def test_what_cannot_be_read_at_all(tmp_path, monkeypatch):
    for path, message in [(tmp_path / "absent", "absent does not exist"), (tmp_path, "is a folder")]:
        with pytest.raises(InputError, match=message):
            next(read_items(path))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed; name a file"):
        next(read_items(None))


@pytest.mark.parametrize(
    ("line", "additions", "merged"),
    [
        ('{"z": 1, "text": "ü", "a": [1.50]}', {"b": "é"}, '{"z": 1, "text": "ü", "a": [1.5], "b": "é"}'),
        ('{"text": "ü", "b": 1, "a": 2}', {"b": 9, "c": 3}, '{"text": "ü", "a": 2, "b": 9, "c": 3}'),
        ('{"text": "a", "b": "\\ud83d\\ude00\\n"}', {}, '{"text": "a", "b": "😀\\n"}'),
        ("no record", {"b": 1}, '{"b": 1}'),
    ],
)
def test_additions_come_after_the_records_own_fields(tmp_path, line, additions, merged):
    (item,) = read_items(stored(tmp_path / "in.jsonl", line.encode()), "text")
    assert merge(item, additions) == merged


def doubled(source, target, *, resume=False, count=1, stop=None, report=print):
    """Bulk work that may be stopped before an item; returns the numbers of the items that it did."""
    worked = []
    with open_bulk_output(target, lines_per_item=count, resume=resume, report=report) as output:
        for item in output.remaining(read_items(source)):
            if stop and item.number == stop[0]:
                raise stop[1]
            worked.append(item.number)
            output.write([f"{item.text} {copy}" for copy in range(count)])
    return worked


@pytest.fixture
def source(tmp_path):
    return stored(tmp_path / "in.txt", "".join(f"line {n} ü\n" for n in range(1, 8)).encode())


def result(count):
    return "".join(f"line {n} ü {copy}\n" for n in range(1, 8) for copy in range(count)).encode()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("name", ["out.txt", "out.txt.gz"])
def test_a_file_appears_when_it_is_complete(tmp_path, source, name, count):
    with open_bulk_output(tmp_path / name, lines_per_item=count, report=pytest.fail) as output:
        for item in output.remaining(read_items(source)):
            output.write([f"{item.text} {copy}" for copy in range(count)])
            assert not (tmp_path / name).exists()
    assert content(tmp_path / name) == result(count)
    assert sorted(os.listdir(tmp_path)) == ["in.txt", name]


@pytest.mark.parametrize("name", ["out.txt", "out.txt.gz"])
@pytest.mark.parametrize("count", [1, 3])
def test_torn_anywhere_it_goes_on_after_the_last_whole_item(tmp_path, source, name, count):
    expected, target = result(count), tmp_path / name
    for size in range(len(expected) + 1):
        (tmp_path / f"{name}.part").write_bytes(expected[:size])
        done = expected[:size].count(b"\n") // count
        assert doubled(source, target, resume=True, count=count) == list(range(done + 1, 8))
        assert content(target) == expected
        target.unlink()


@pytest.mark.parametrize("problem", [InputError("bad"), KeyboardInterrupt(), SystemExit(143), ValueError()])
def test_an_interruption_is_told_and_can_be_resumed(tmp_path, source, problem):
    target, told = tmp_path / "out.txt", []
    target.write_text("former\n")
    with pytest.raises(type(problem)):
        doubled(source, target, stop=(4, problem), report=told.append)
    assert told == [
        f"what is done is kept in {target}.part; the same command with --resume goes on from there"
    ]
    assert target.read_text() == "former\n"
    assert doubled(source, target, resume=True) == [4, 5, 6, 7]
    assert target.read_bytes() == result(1)


def test_without_resume_it_starts_again(tmp_path, source):
    stored(tmp_path / "out.txt.part", b"of another run\n" * 20)
    assert doubled(source, tmp_path / "out.txt") == [1, 2, 3, 4, 5, 6, 7]
    assert content(tmp_path / "out.txt") == result(1)


def test_nothing_is_kept_of_a_run_that_did_nothing(tmp_path, source):
    with pytest.raises(InputError, match="bad"):
        doubled(source, tmp_path / "out.txt", stop=(1, InputError("bad")), report=pytest.fail)
    assert os.listdir(tmp_path) == ["in.txt"]


def test_resuming_before_there_is_anything_is_starting(tmp_path, source):
    assert doubled(source, tmp_path / "out.txt", resume=True) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("name", "kept", "message"),
    [
        (None, 0, "--resume goes on with a file; name that of the interrupted run as --output"),
        ("/dev/null", 0, "--resume goes on with a file"),
        ("in.txt", 0, "in.txt is complete, nothing is left to resume; leave --resume out"),
        (
            "out.txt",
            8,
            "out.txt.part holds the results of 8 items and the input has only 7; give the input of",
        ),
        ("missing/out.txt", 0, "out.txt: cannot be written .No such file or directory.; choose another"),
        ("n" * 300, 0, "cannot be written .File name too long."),
    ],
)
def test_what_cannot_be_resumed(tmp_path, source, name, kept, message):
    if kept:
        stored(tmp_path / f"{name}.part", b"result\n" * kept)
    with pytest.raises(InputError, match=message):
        doubled(source, name and tmp_path / name, resume=True)
    assert content(source).count(b"\n") == 7
    assert not kept or content(tmp_path / f"{name}.part") == b"result\n" * kept


def test_a_damaged_input_keeps_what_was_done_before_the_damage(tmp_path):
    lines = [f"{n} {n * 2654435761 % 2**32}" for n in range(20_000)]
    whole = gzip.compress("\n".join(lines).encode())
    source, target, told = tmp_path / "in.gz", tmp_path / "out.txt", []
    source.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"in\.gz is not a whole gzip file"):
        doubled(source, target, report=told.append)
    assert len(told) == 1
    kept = (tmp_path / "out.txt.part").read_bytes().count(b"\n")
    assert 1000 < kept < 19_000
    source.write_bytes(whole)
    assert doubled(source, target, resume=True) == list(range(kept + 1, 20_001))
    assert target.read_text().split("\n") == [f"{line} 0" for line in lines] + [""]


WORKER = """
import sys, time
from pathlib import Path
from common.bulk import open_bulk_output, read_items
source, target, log = map(Path, sys.argv[1:])
with open_bulk_output(target, lines_per_item=2, resume=True, report=print) as output, log.open("a") as done:
    for item in output.remaining(read_items(source)):
        time.sleep(0.001)
        output.write([item.text.upper(), item.text * 3000])
        print(item.number, file=done, flush=True)
"""


@pytest.mark.parametrize("name", ["out.txt", "out.gz"])
def test_a_run_killed_again_and_again_loses_and_doubles_nothing(tmp_path, environment, name):
    lines = [f"line {n}" for n in range(1, 601)]
    source = stored(tmp_path / "in.gz", "\n".join(lines).encode())
    target, log = tmp_path / name, tmp_path / "log"
    call = [sys.executable, "-c", WORKER, str(source), str(target), str(log)]
    for kill in range(1, 5):
        with subprocess.Popen(call, env=environment, cwd=ROOT) as child:
            while not log.exists() or log.read_bytes().count(b"\n") < kill * 100:
                assert child.poll() is None
                time.sleep(0.002)
            child.send_signal(signal.SIGKILL)
    assert not target.exists()
    subprocess.run(call, env=environment, cwd=ROOT, check=True)
    assert content(target) == "".join(f"{line.upper()}\n{line * 3000}\n" for line in lines).encode()
    worked = log.read_text().split()
    assert set(worked) == {str(n) for n in range(1, 601)}
    assert len(worked) <= 600 + 4  # an item is done again only if the end came while it was written
    assert sorted(os.listdir(tmp_path)) == ["in.gz", "log", name]


def test_a_reader_of_a_pipe_gets_each_item_at_once(tmp_path, source):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read, first = [], threading.Event()

    def reader() -> None:
        with path.open() as file:
            read.append(file.readline())
            first.set()
            read.extend(file)

    thread = threading.Thread(target=reader)
    thread.start()
    with open_bulk_output(path, report=pytest.fail) as output:
        output.write(["one"])
        assert first.wait(10)
        output.write(["two"])
    thread.join(10)
    assert read == ["one\n", "two\n"]
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "pipe"]


def test_standard_output_and_devices_are_written_as_they_are(source, capsys):
    assert doubled(source, None) == [1, 2, 3, 4, 5, 6, 7]
    assert capsys.readouterr().out == result(1).decode()
    assert doubled(source, Path("/dev/null")) == [1, 2, 3, 4, 5, 6, 7]
    assert Path("/dev/null").is_char_device()


def test_a_full_disk_is_told(source):
    with pytest.raises(InputError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        doubled(source, Path("/dev/full"), report=pytest.fail)


@pytest.mark.parametrize("lines", [[], ["a"], ["a", "b", "c"], ["a", "b\nc"]])
def test_lines_that_could_not_be_counted_again_are_not_written(tmp_path, lines):
    file = io.StringIO()
    with pytest.raises(ValueError, match="an item must have 2 lines without line feeds"):
        BulkOutput(file, lines_per_item=2).write(lines)
    assert not file.getvalue()


def test_small_outputs_are_compressed_too_and_the_same_lines_make_the_same_file(tmp_path):
    written = []
    for name in ("a.gz", "b.gz"):
        with open_output(tmp_path / name) as file:
            print("zwölf", file=file)
        written.append((tmp_path / name).read_bytes())
    assert gzip.decompress(written[0]) == "zwölf\n".encode()
    assert written[0] == written[1]
    assert sorted(os.listdir(tmp_path)) == ["a.gz", "b.gz"]


MEMORY = """
import sys
from pathlib import Path
from common.bulk import merge, open_bulk_output, progress, read_items
source, target = map(Path, sys.argv[1:])
with open_bulk_output(target, resume=True, report=print) as output:
    for item in progress(output.remaining(read_items(source, "text")), source, output):
        output.write([merge(item, {"length": len(item.text)})])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory used is read from /proc")
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_memory_does_not_grow_with_the_file(tmp_path, environment, suffix):
    peaks = []
    for count in (2_000, 200_000):
        lines = b"".join(b'{"text": "%050d", "id": %d}\n' % (n, n) for n in range(count))
        source, target = stored(tmp_path / f"in{suffix}", lines), tmp_path / f"out{suffix}"
        # Half of it is done already, so that the lines of both files are passed over as well.
        (tmp_path / f"out{suffix}.part").write_bytes(b"%050d\n" % 0 * (count // 2))
        call = [sys.executable, "-c", MEMORY, str(source), str(target)]
        peaks.append(
            int(subprocess.run(call, env=environment, cwd=ROOT, capture_output=True, check=True).stdout)
        )
        assert content(target).count(b"\n") == count
        target.unlink()
    assert peaks[1] < peaks[0] + 2_000, "kB; the larger file has 15,000"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["in.txt", "in.gz"])
def test_the_bar_knows_the_end_and_what_was_done_before(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sys, "stderr", Terminal())
    source = stored(tmp_path / name, b"one\ntwo\nthree\nfour")
    output = BulkOutput(io.StringIO(), done=2)
    assert list(progress(iter("ab"), source, output)) == ["a", "b"]
    shown = sys.stderr.getvalue()
    assert "50%" in shown.split("\r")[1]
    assert "| 2/4 [" in shown.split("\r")[1]
    assert "100%" in shown
    assert "| 4/4 [" in shown


def test_the_bar_counts_without_an_end_when_that_is_not_known(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress(iter("ab"), None, BulkOutput(io.StringIO()))) == ["a", "b"]
    assert "2line [" in sys.stderr.getvalue()


@pytest.mark.parametrize(("errors", "results"), [(io.StringIO, io.StringIO), (Terminal, Terminal)])
def test_there_is_no_bar_where_it_would_be_in_the_way(tmp_path, monkeypatch, errors, results):
    monkeypatch.setattr(sys, "stderr", errors())
    assert list(progress(iter("ab"), tmp_path / "not counted", BulkOutput(results()))) == ["a", "b"]
    assert not sys.stderr.getvalue()
