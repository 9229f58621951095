"""Public collections, fetched from the first mirror that serves the right bytes.

A file is accepted by its checksum alone, so it does not matter which mirror it
came from. It is fetched to a ``.part`` file beside its place, which a later call
continues, and moved there once it is verified. A verified file is never fetched
again, and a file put there by hand counts.
"""

import gzip
import hashlib
import http.client
import json
import os
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

_CHUNK = 1 << 18  # bytes
_TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that several places offer.

    A mirror that ends in ``#field`` is a JSONL file; the file wanted is that field
    of its records, one a line.
    """

    name: str
    checksum: str
    """Algorithm and hexadecimal digest, ``"sha256:..."``; of what is inside if the name ends in .gz,
    since the same text can be compressed in many ways."""
    mirrors: tuple[str, ...]
    """Addresses in the order to try them: https, http or file."""


class _MirrorError(Exception):
    """A mirror that has not got the file, in words for the user."""


def download(file: RemoteFile, folder: Path) -> Path:
    """Make sure that a file lies in a folder, whole and verified, and return its path.

    Raises:
        InputError: If no mirror serves it; the message has each mirror's failure.
    """
    path = folder / file.name
    if _is_verified(path, file):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}; choose another folder") from None
    part = path.with_name(path.name + ".part")
    failures = [f"{path}: wrong checksum"] if path.exists() else []
    for mirror in file.mirrors:
        try:
            _fetch_verified(mirror, file, part)
        except _MirrorError as error:
            failures.append(f"{mirror}: {error}")
            continue
        os.replace(part, path)
        return path
    raise InputError(
        f"{file.name} cannot be downloaded ({'; '.join(failures)}); try again, "
        f"or get it elsewhere and put it into {folder} under this name"
    )


def unpack(archive: Path, folder: Path, renamed: dict[str, str] | None = None) -> None:
    """Extract a zip archive, without what is there already and without macOS's extra files.

    Args:
        archive: The archive.
        folder: Where its files go.
        renamed: New names for folders at its top.

    Raises:
        InputError: If the archive is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as members:
            for member in members.infolist():
                top, _, rest = member.filename.partition("/")
                if rest:
                    member.filename = f"{(renamed or {}).get(top, top)}/{rest}"
                target = folder / member.filename
                is_there = target.is_file() and target.stat().st_size == member.file_size
                if not is_there and not member.filename.startswith("__MACOSX"):
                    members.extract(member, folder)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise InputError(f"{archive} is not a whole zip archive ({error}); delete it and try again") from None


def _fetch_verified(mirror: str, file: RemoteFile, part: Path) -> None:
    """Leave the verified file at ``part``; wrong bytes are not kept, what came before a break is."""
    address, _, field = mirror.partition("#")
    # What an earlier try left may come from another mirror, with other bytes for the
    # same text, or be all there is. If continuing fails, starting again may not.
    for is_continued in (True, False) if part.exists() else (False,):
        try:
            _fetch(address, part, is_continued=is_continued)
            if field:
                _keep_field(part, field)
        except urllib.error.HTTPError as error:
            error.close()
            if not is_continued:
                raise _MirrorError(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _MirrorError(getattr(error, "reason", None) or error) from None
        else:
            if _is_verified(part, file):
                return
            part.unlink()
    raise _MirrorError("wrong checksum")


def _fetch(address: str, part: Path, *, is_continued: bool) -> None:
    """Copy an address to a file, after what is there if it is to be continued and the server can."""
    from tqdm import tqdm

    start = part.stat().st_size if is_continued else 0
    request = urllib.request.Request(address, headers={"User-Agent": "inwords"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with (
            part.open("ab" if start else "wb") as out,
            tqdm(
                desc=part.stem,
                initial=start,
                total=total,
                unit="B",
                unit_scale=True,
                disable=not sys.stderr.isatty(),
            ) as progress,
        ):
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                progress.update(len(chunk))
            size = out.tell()
    if total is not None and size < total:
        raise http.client.HTTPException(f"connection ended after {size} of {total} bytes")


def _keep_field(part: Path, field: str) -> None:
    """Turn records into gzipped lines of one of their fields."""
    try:
        records = [json.loads(line) for line in part.read_bytes().splitlines()]
        text = "".join(f"{record[field]}\n" for record in records)
    except (ValueError, TypeError, KeyError):
        text = ""  # not such records; the checksum refuses it
    part.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


def _is_verified(path: Path, file: RemoteFile) -> bool:
    """Say whether a file is there and has the checksum."""
    algorithm, _, digest = file.checksum.partition(":")
    if not path.is_file():
        return False
    try:
        with gzip.open(path) if file.name.endswith(".gz") else path.open("rb") as content:
            return hashlib.file_digest(content, algorithm).hexdigest() == digest
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return False
