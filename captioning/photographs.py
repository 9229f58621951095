"""Photographs: from a path, a folder or an open file to upright RGB pixels.

Pillow and NumPy are imported when first needed: ``--help`` must answer at once.
"""

from __future__ import annotations

import glob
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from common.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

# Pillow names these but does not decode them by itself: scientific containers, films,
# and page descriptions (for EPS it would start Ghostscript on a file nobody checked).
NOT_PICTURES = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

# Python's warning filters belong to the whole process. One reader at a time silences
# Pillow, or two threads could leave each other's filters behind for good.
ONE_READER = threading.Lock()

# Without a handler, Python prints what Pillow logs about odd files to the standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def find_photographs(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the photographs that the paths name, in the order given.

    A file is yielded whatever its suffix, and so is a path that does not exist: reading
    it reports the error. A folder yields the pictures below it, by their suffixes, in
    sorted order, without hidden files and linked folders. A pattern that the shell left as it
    was is expanded. Raises InputError on reaching a folder without a picture or not to be listed.
    """
    for path in paths:
        expanded = [] if os.path.lexists(path) else sorted(glob.glob(str(path), recursive=True))
        for match in map(Path, expanded or [str(path)]):
            yield from _in_folder(match) if os.path.isdir(match) else [match]


def read_photograph(
    source: Path | str | BinaryIO | bytes | Image.Image, smallest: int | None = None
) -> Image.Image:
    """Read a picture as it is meant to be seen: upright, RGB, 8 bits a channel, over white.

    Of an animation, the first frame. Wide greys are scaled, not cut off. Metadata is dropped.

    Args:
        source: A file, its bytes, a binary stream (rewound if it can be, and left open)
            or a Pillow image (left unchanged, at the frame it stands at).
        smallest: The smallest side needed, in pixels. A large JPEG is then decoded at a
            reduced scale, far faster; its sides stay at least twice as long as this, for
            a resize to have something to average. None: full scale.

    Raises:
        InputError: The file is missing, empty, damaged, cut short, not a picture, or
            larger than Pillow's limit, which is twice ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    name = _name(source)
    try:
        with ONE_READER, warnings.catch_warnings(action="ignore"), _opened(source, name) as image:
            if 0 in image.size:
                raise InputError(f"{name}: the picture has no pixels; export it again")
            if smallest and image is not source:
                image.draft(None, (2 * smallest, 2 * smallest))
            image.load()
            return _rgb(_upright(image))
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a damaged file
        raise InputError(f"{name}: {_reason(error)}") from error


def to_pixels(image: Image.Image, size: int = 224) -> NDArray[np.uint8]:
    """Squash a whole picture to a square; a picture of that size stays as it is.

    The aspect ratio is not kept: the training photographs were squashed in the same way,
    so that nothing at the edges is lost. The filter is bicubic with antialiasing.

    Args:
        image: RGB, as ``read_photograph`` returns it; ValueError if it is not.
        size: Side of the square, in pixels.

    Returns:
        Red, green and blue in 0..255, (size, size, 3), writable.
    """
    import numpy as np
    from PIL import Image

    if image.mode != "RGB":
        raise ValueError(f"image must be RGB, as read_photograph returns it, got mode {image.mode!r}")
    # The gap: shrink in whole steps first, or a picture of 1 x 1,000,000 needs a gigabyte in between.
    return np.array(image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0), dtype=np.uint8)


def _in_folder(folder: Path) -> Iterator[Path]:
    """Yield the pictures below a folder, sorted; raise InputError where there are none."""
    from PIL import Image

    kinds = {*_formats(), "MPO"}  # MPO is opened by the JPEG reader
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in kinds}
    found = False
    for path in _below(folder):
        if path.suffix.lower() in suffixes:
            found = True
            yield path
    if not found:
        raise InputError(f"{_printable(folder)}: no picture in this folder; give one with JPEG or PNG files")


def _below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, sorted, without hidden ones and linked folders."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"{_printable(folder)}: cannot list this folder; check its permissions") from error
    for entry in entries:
        if not os.path.isdir(entry):
            yield entry
        elif not os.path.islink(entry):
            yield from _below(entry)


def _formats() -> list[str]:
    """Return the formats that Pillow opens and decodes, the common ones first."""
    from PIL import Image

    Image.preinit()
    Image.init()
    return [kind for kind in Image.OPEN if kind not in NOT_PICTURES]


def _printable(path: object) -> str:
    """Return a name for a one-line message, escaped where it would break the line."""
    return str(path) if str(path).isprintable() else repr(str(path))


def _name(source: object) -> str:
    """Return what to call a source in a message; raise TypeError for what is none."""
    if isinstance(source, (str, Path)):
        return _printable(source)
    if not (isinstance(source, bytes) or hasattr(source, "read") or hasattr(source, "getexif")):
        raise TypeError(f"source must be a path, bytes, a binary stream or an image, got {type(source)}")
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return _printable(name) if name and isinstance(name, (str, Path)) else "the picture"


@contextmanager
def _opened(source: Path | str | BinaryIO | bytes | Image.Image, name: str) -> Iterator[Image.Image]:
    """Open a source for the length of a ``with`` block; only files opened here are closed."""
    from PIL import Image

    if isinstance(source, Image.Image):
        yield source
    elif isinstance(source, (str, Path)):
        if os.path.isdir(source):
            raise InputError(f"{name}: this is a folder; give a picture inside it")
        with open(source, "rb") as file, _opened(file, name) as image:
            yield image
    else:
        stream = io.BytesIO(source) if isinstance(source, bytes) else source
        if not stream.seekable():
            stream = io.BytesIO(stream.read())
        stream.seek(0)
        if not stream.read(1):
            raise InputError(f"{name}: the file is empty; download or copy it again")
        with Image.open(stream, formats=_formats()) as image:
            yield image


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF rotation; unlike ``ImageOps.exif_transpose``, corrupt EXIF data is no error."""
    from PIL import ExifTags, Image

    turn = Image.Transpose
    turns = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE}
    turns |= {6: turn.ROTATE_270, 7: turn.TRANSVERSE, 8: turn.ROTATE_90}
    try:
        method = turns.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a corrupt block does not make the picture unreadable
        return image
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to a new RGB picture without metadata, transparency over white."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        layer = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        plain = Image.new("RGB", image.size, "white")
        plain.paste(layer, mask=layer.getchannel("A"))
    else:
        plain = image.convert("RGB")
    plain.info = {}
    return plain


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale greys of 16 bits, 32 bits or floating point to 0..255.

    White is 65535 in 16 bits. Wider modes do not say: there it is the first usual value (1 for
    fractions, 255, 65535) that no pixel exceeds, or else the brightest pixel.
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(image, dtype=np.float32)
    values = np.where(np.isfinite(values), values, np.float32(0))
    brightest = float(values.max())
    whites = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}.get(image.mode, (65535.0,))
    white = next((white for white in whites if brightest <= white), brightest)
    grey = np.rint((values * np.float32(255 / white)).clip(0, 255)).astype(np.uint8)
    if "transparency" in image.info:
        grey[values == image.info["transparency"]] = 255
    return Image.fromarray(grey)


def _reason(error: Exception) -> str:
    """Say in one line why a picture could not be read, and what to do about it."""
    from PIL import Image, UnidentifiedImageError

    message = " ".join(str(error).split())
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file; check the path"
        case PermissionError():
            return "the file may not be read; check its permissions"
        case UnidentifiedImageError():
            return "not a picture in a known format; give a JPEG, PNG or WebP file, or convert it to one"
        case Image.DecompressionBombError():
            return f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; scale it down first"
        case MemoryError():
            return "the picture does not fit into memory; scale it down first"
    if isinstance(error, EOFError) or "truncated" in message.lower():
        return "the file ends early; download or copy it again"
    return f"the picture is damaged ({message or type(error).__name__}); download or export it again"
