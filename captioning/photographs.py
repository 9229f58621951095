"""Photographs: from a path, a folder or an open file to upright RGB pixels.

Pillow and NumPy are imported when first needed: ``--help`` must answer at once.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from captioning.formats import formats, what_is_wanting
from common.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

LARGE = 32_000_000
"""Pixels of a picture that takes much memory, about 100 megabytes and again as many while it is converted."""

LONGEST = 2.0
"""Width to height, or height to width, from which not all of a picture is looked at."""

# Without a handler, Python prints what Pillow logs about odd files to the standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def read_photograph(
    source: Path | str | BinaryIO | bytes | Image.Image,
    smallest: int | None = None,
    *,
    alone: AbstractContextManager[object] | None = None,
) -> Image.Image:
    """Read a picture as it is meant to be seen: upright, RGB, 8 bits a channel, over white.

    Of an animation, the first frame. Wide greys are scaled, not cut off. Metadata is dropped.
    Any number of threads may read at once. What Pillow warns about odd files is left to the
    warning filters of the program: those of ``inwords`` ignore it.

    Args:
        source: A file, its bytes, a binary stream (rewound if it can be, and left open)
            or a Pillow image (left unchanged, at the frame it stands at).
        smallest: The smallest side needed, in pixels. A large JPEG is then decoded at a
            reduced scale, far faster, and any picture of more than :data:`LARGE` pixels is
            reduced; the sides stay at least twice as long as this, for a resize to have
            something to average. None: full scale.
        alone: Held while a picture of more than :data:`LARGE` pixels is in memory. Threads that
            share one lock have one such picture at a time.

    Raises:
        InputError: The file is missing, empty, damaged, cut short, not a picture, or
            larger than Pillow's limit, which is twice ``PIL.Image.MAX_IMAGE_PIXELS``.
    """
    name = _name(source)
    try:
        with _opened(source, name) as image:
            if 0 in image.size:
                raise InputError(f"{name}: the picture has no pixels; export it again")
            pixels = image.width * image.height
            if smallest and image is not source:
                image.draft(None, (2 * smallest, 2 * smallest))
            if not image.info.get("progressive"):  # else all of it is in memory, whatever the scale
                pixels = image.width * image.height
            large = pixels > LARGE
            with alone if alone and large else nullcontext():
                return _decoded(image, smallest if large else None)
    except InputError:
        raise
    except Warning:  # of which the program's own filters have made an error
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on a damaged file
        raise InputError(f"{name}: {_reason(error)}") from error


def to_pixels(image: Image.Image, size: int = 224) -> NDArray[np.uint8]:
    """Squash what is :func:`seen` of a picture to a square; a picture of that size stays as it is.

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
    # The gap: shrink in whole steps first, which is faster, and as good at this scale.
    square = image.resize((size, size), Image.Resampling.BICUBIC, seen(*image.size), reducing_gap=3.0)
    return np.array(square, dtype=np.uint8)


def seen(width: float, height: float) -> tuple[float, float, float, float]:
    """The part of an upright picture that is looked at: its left, top, right and bottom edge.

    Up to :data:`LONGEST` all of it. Of a longer one, such as a panorama, the middle: squashed whole, people
    would be thinner than any in the training photographs; with bars beside it, which those do not have
    either, there would be little of it. Of 24 Flickr8k photographs in the middle of pictures of 3:1 a model's
    captions had CIDEr-D .31 so, .24 squashed whole and .26 with bars in the mean colour of the edges.
    """
    across, down = min(width, LONGEST * height), min(height, LONGEST * width)
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def printable(path: object) -> str:
    """Return a name for a one-line message, escaped where it would break the line."""
    return str(path) if str(path).isprintable() else repr(str(path))


def _name(source: object) -> str:
    """Return what to call a source in a message; raise TypeError for what is none."""
    if isinstance(source, (str, Path)):
        return printable(source)
    if not (isinstance(source, bytes) or hasattr(source, "read") or hasattr(source, "getexif")):
        raise TypeError(f"source must be a path, bytes, a binary stream or an image, got {type(source)}")
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return printable(name) if name and isinstance(name, (str, Path)) else "the picture"


@contextmanager
def _opened(source: Path | str | BinaryIO | bytes | Image.Image, name: str) -> Iterator[Image.Image]:
    """Open a source for the length of a ``with`` block; only files opened here are closed."""
    from PIL import Image, UnidentifiedImageError

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
        start = stream.read(12)
        if not start:
            raise InputError(f"{name}: the file is empty; download or copy it again")
        try:
            image = Image.open(stream, formats=formats())
        except UnidentifiedImageError:
            if wanting := what_is_wanting(start):
                raise InputError(f"{name}: {wanting}") from None
            raise
        with image:
            yield image


def _decoded(image: Image.Image, smallest: int | None) -> Image.Image:
    """Decode, convert and turn a picture, and reduce it if a ``smallest`` side is given."""
    image.load()
    method = _rotation(image)
    factor = max(1, min(image.size) // (2 * smallest)) if smallest else 1
    # Before anything copies it, unless averages are no colours of it.
    early = factor > 1 and image.mode in ("L", "RGB") and not image.has_transparency_data
    picture = _rgb(image.reduce(factor) if early else image)
    if factor > 1 and not early:
        picture = picture.reduce(factor)
    return picture if method is None else picture.transpose(method)


def _rotation(image: Image.Image) -> Image.Transpose | None:
    """What EXIF asks for; unlike for ``ImageOps.exif_transpose``, corrupt EXIF data is no error."""
    from PIL import ExifTags, Image

    turn = Image.Transpose
    turns = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE}
    turns |= {6: turn.ROTATE_270, 7: turn.TRANSVERSE, 8: turn.ROTATE_90}
    try:
        return turns.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Warning:
        raise
    except Exception:  # a corrupt block does not make the picture unreadable
        return None


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to a new RGB picture without metadata, transparency over white."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        layer = image.convert("LA") if image.mode == "La" else image
        layer = layer if layer.mode == "RGBA" else layer.convert("RGBA")
        plain = Image.new("RGB", image.size, "white")
        plain.paste(layer, mask=layer)
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

    values = np.array(image, dtype=np.float32)  # a copy, which is worked on in place
    values[~np.isfinite(values)] = 0
    hidden = values == image.info["transparency"] if "transparency" in image.info else None
    brightest = float(values.max())
    whites = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}.get(image.mode, (65535.0,))
    white = next((white for white in whites if brightest <= white), brightest)
    values *= np.float32(255 / white)
    grey = np.rint(values.clip(0, 255, out=values), out=values).astype(np.uint8)
    if hidden is not None:
        grey[hidden] = 255
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
