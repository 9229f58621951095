import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import InputError
from data.__main__ import main
from data.download import RemoteFile, download, unpack
from data.mirrors import flickr8k, multi30k

CONTENT = bytes(range(256)) * 4000  # more than one chunk
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
LINES = "Ein Hund.\nZwei Hündchen.\n"
RECORDS = "".join(json.dumps({"en": "x", "de": line}) + "\n" for line in LINES.splitlines())


BODIES = {
    "/good": CONTENT,
    "/no-ranges": CONTENT,
    "/cut": CONTENT,
    "/corrupt": CONTENT[:-1] + b"?",
    "/lines.gz": gzip.compress(LINES.encode(), compresslevel=1),
    "/records.jsonl": RECORDS.encode(),
}


class Mirrors(BaseHTTPRequestHandler):
    """The same file, well and badly served; the server remembers each request and its range."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))  # type: ignore[attr-defined]
        body = BODIES.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = (
            int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.path != "/no-ranges" else 0
        )
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : len(body) // 2] if self.path == "/cut" else body[start:])

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@dataclass
class Server:
    address: str
    requests: list[tuple[str, str | None]]

    def file(self, *paths: str, name: str = "file.bin", checksum: str = CHECKSUM) -> RemoteFile:
        return RemoteFile(name, checksum, tuple(self.address + path for path in paths))


@pytest.fixture
def server() -> Iterator[Server]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Mirrors)
    http.requests = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Server(f"http://127.0.0.1:{http.server_port}", http.requests)  # type: ignore[attr-defined]
    http.shutdown()
    thread.join()
    http.server_close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_first_mirror_with_the_right_bytes_wins(server: Server, tmp_path: Path) -> None:
    file = server.file("/missing", "/corrupt", "/good", "/never-asked")
    path = download(file, tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["file.bin"]
    assert [request for request, _ in server.requests] == ["/missing", "/corrupt", "/good"]
    assert download(file, path.parent) == path
    assert len(server.requests) == 3, "a verified file is fetched again"


def test_all_mirrors_fail(server: Server, tmp_path: Path) -> None:
    file = server.file("/missing", "/corrupt", "/cut")
    file = RemoteFile(
        file.name, file.checksum, (*file.mirrors, "http://127.0.0.1:1/x", "file:///does/not/exist")
    )
    with pytest.raises(InputError) as caught:
        download(file, tmp_path)
    message = str(caught.value)
    expected = (
        r"file.bin cannot be downloaded \(http://\S+/missing: HTTP Error 404: Not Found; "
        r"http://\S+/corrupt: wrong checksum; "
        r"http://\S+/cut: connection ended after 512000 of 1024000 bytes; "
        r"http://127.0.0.1:1/x: .*refused; file:///does/not/exist: .*\); "
        r"try again, or get it elsewhere and put it into \S+ under this name"
    )
    assert re.fullmatch(expected, message), message
    assert names(tmp_path) == ["file.bin.part"]


@pytest.mark.parametrize("second", ["/good", "/no-ranges"])
def test_interrupted_download_continues(server: Server, tmp_path: Path, second: str) -> None:
    with pytest.raises(InputError, match="connection ended"):
        download(server.file("/cut"), tmp_path)
    assert download(server.file(second), tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/cut", None), (second, "bytes=512000-")]
    assert names(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("beginning", [b"of another mirror", CONTENT, CONTENT + b"too much"])
def test_useless_beginning_is_dropped(server: Server, tmp_path: Path, beginning: bytes) -> None:
    (tmp_path / "file.bin.part").write_bytes(beginning)
    assert download(server.file("/good"), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [f"bytes={len(beginning)}-", None]


def test_files_put_there_by_hand(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    assert download(server.file("/missing"), tmp_path) == path
    assert server.requests == []
    path.write_bytes(CONTENT[1:])
    with pytest.raises(InputError, match=r"\(\S+file.bin: wrong checksum; http"):
        download(server.file("/missing"), tmp_path)
    assert path.read_bytes() == CONTENT[1:], "the user's file is gone"
    assert download(server.file("/good"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("mirror", ["/lines.gz", "/records.jsonl#de"])
def test_checksum_of_compressed_text_is_of_the_text(server: Server, tmp_path: Path, mirror: str) -> None:
    checksum = f"sha256:{hashlib.sha256(LINES.encode()).hexdigest()}"
    file = server.file(
        "/good", "/records.jsonl#en", "/lines.gz#de", mirror, name="lines.gz", checksum=checksum
    )
    assert gzip.decompress(download(file, tmp_path).read_bytes()).decode() == LINES
    assert download(file, tmp_path) == tmp_path / "lines.gz"
    assert len(server.requests) == 4


def test_local_mirror_and_md5(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(CONTENT)
    checksum = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    file = RemoteFile("here", checksum, ((tmp_path / "there").as_uri(),))
    assert download(file, tmp_path / "folder").read_bytes() == CONTENT


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match=r"taken cannot be made: .*; choose another folder"):
        download(RemoteFile("name", CHECKSUM, ()), tmp_path / "taken")


def test_unpack_skips_what_is_there(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("photos/", "")
        members.writestr("photos/a.jpg", "first")
        members.writestr("photos/b.jpg", "second")
        members.writestr("__MACOSX/photos/._a.jpg", "extra")
        members.writestr("../outside.txt", "outside")
    unpack(archive, tmp_path / "out")
    photos = tmp_path / "out" / "photos"
    assert names(photos) == ["a.jpg", "b.jpg"]
    assert not (tmp_path / "out" / "__MACOSX").exists()
    assert not (tmp_path / "outside.txt").exists()
    (photos / "a.jpg").write_text("FIRST")  # whole: not written again
    (photos / "b.jpg").write_text("sec")  # cut by an interruption
    unpack(archive, tmp_path / "out")
    assert ((photos / "a.jpg").read_text(), (photos / "b.jpg").read_text()) == ("FIRST", "second")


def test_damaged_archive(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    archive.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(
        InputError, match=r"photos.zip is not a whole zip archive .*; delete it and try again"
    ):
        unpack(archive, tmp_path)


def test_tables_are_well_formed() -> None:
    files = [*multi30k(), *flickr8k()]
    assert len({file.name for file in files}) == len(files) == 14
    for file in files:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", file.checksum)
        assert len(file.mirrors) >= 2
        assert all(
            re.match(rf"https?://\S+/({re.escape(file.name)}|\w+\.jsonl#\w\w)$", url) for url in file.mirrors
        )
    assert [file.name for file in multi30k(["de"])] == ["train.de.gz", "val.de.gz", "test_2016_flickr.de.gz"]


def test_command_keeps_verified_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("../shared/data/multi30k")
    if not folder.is_dir():
        pytest.skip("Multi30k is not in ../shared/data/multi30k")
    wanted = [file.name for file in multi30k()]
    for name in wanted:
        shutil.copy(folder / name, tmp_path)
    assert main(["multi30k", str(tmp_path)]) == 0
    assert capsys.readouterr() == (
        "".join(f"{tmp_path / name}\n" for name in sorted(wanted, key=wanted.index)),
        "",
    )


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "data", *arguments], capture_output=True, text=True, check=False
    )


def test_command_line_errors(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    result = run("flickr8k", str(tmp_path / "taken"))
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"error: .*taken cannot be made: .*; choose another folder\n", result.stderr)
    result = run("multi30k", str(tmp_path), "--languages", "de,xx")
    assert result.returncode == 2
    assert "unknown 'xx'; choose from en,de,fr,cs" in result.stderr
    assert run().returncode == 2


def test_package_imports_no_torch() -> None:
    modules = sorted(path.stem for path in Path("data").glob("*.py") if path.stem != "__main__")
    imports = "; ".join(f"import data.{name}" for name in modules if name != "__init__")
    heavy = "{'torch', 'numpy', 'PIL', 'tqdm', 'torchvision', 'tokenizers'}"
    code = f"import sys; {imports}; import data.__main__; print(*{heavy} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "\n"
    )
