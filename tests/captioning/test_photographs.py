import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from captioning.formats import formats
from captioning.photographs import LONGEST, read_photograph, seen, to_pixels
from common.errors import InputError

RED, GREEN, BLUE, YELLOW, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 255, 255)


def quarters(width: int, height: int) -> Image.Image:
    """Red top left, green top right, blue bottom left, yellow bottom right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The four corners, top left to bottom right, each channel rounded to 0 or 255."""
    right, bottom = image.width - 3, image.height - 3
    places = [(2, 2), (right, 2), (2, bottom), (right, bottom)]
    pixels = [image.getpixel(place) for place in places]
    return [tuple(255 * (value > 127) for value in pixel) for pixel in pixels]


def with_orientation(path: Path, upright: Image.Image, orientation: int) -> Path:
    """Save a picture as a camera held in that orientation does."""
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    (upright if inverse is None else upright.transpose(inverse)).save(path, exif=exif)
    return path


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0"))


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


# Reading


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_exif_rotation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = with_orientation(tmp_path / f"x.{suffix}", quarters(48, 32), orientation)
    image = read_photograph(path)
    assert image.size == (48, 32)
    assert corners(image) == [RED, GREEN, BLUE, YELLOW]
    assert corners(read_photograph(image)) == [RED, GREEN, BLUE, YELLOW]  # no orientation is left on it


def test_every_kind_of_source_gives_the_same_picture(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

    path = with_orientation(tmp_path / "x.jpg", quarters(48, 32), 6)
    data = path.read_bytes()
    expected = read_photograph(path).tobytes()
    at_end = io.BytesIO(data)
    at_end.seek(0, io.SEEK_END)
    with Image.open(path) as opened, path.open("rb") as file:
        for source in (str(path), data, at_end, Pipe(data), file, opened):
            assert read_photograph(source).tobytes() == expected
        assert (opened.size, file.closed, at_end.closed) == ((32, 48), False, False)


def test_wrong_kind_of_source_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"source must be a path.*ndarray"):
        read_photograph(np.zeros((2, 2, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (255, 0, 0, 128), (255, 127, 127)),
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBa", (128, 0, 0, 128), (255, 127, 127)),
        ("LA", (0, 128), (127, 127, 127)),
        ("La", (0, 128), (127, 127, 127)),
        ("L", 90, (90, 90, 90)),
        ("1", 1, WHITE),
        ("CMYK", (0, 255, 255, 0), RED),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("HSV", (0, 255, 255), RED),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3)),
        ("LAB", (255, 128, 128), (255, 253, 255)),  # littlecms rounds white so
    ],
)
def test_modes_of_pillow_images(mode: str, colour: object, expected: tuple[int, int, int]) -> None:
    image = read_photograph(Image.new(mode, (4, 3), colour))  # type: ignore[arg-type]
    assert (image.mode, image.size) == ("RGB", (4, 3))
    assert np.abs(np.array(image).astype(int) - expected).max() <= 2


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "one.png", transparency=1)
    image.save(tmp_path / "each.png", transparency=bytes([255, 0, 128]))
    image.save(tmp_path / "one.gif", transparency=1)
    assert np.array(read_photograph(tmp_path / "one.png")).tolist() == [[[*RED], [*WHITE], [*BLUE]]]
    assert np.array(read_photograph(tmp_path / "each.png")).tolist() == [[[*RED], [*WHITE], [127, 127, 255]]]
    assert np.array(read_photograph(tmp_path / "one.gif")).tolist() == [[[*RED], [*WHITE], [*BLUE]]]
    pa = Image.merge("PA", (image, Image.new("L", (3, 1), 0)))
    pa.putpalette([*RED, *GREEN, *BLUE])
    assert np.array(read_photograph(pa)).tolist() == [[[*WHITE]] * 3]


@pytest.mark.parametrize(
    ("mode", "dark", "clear"), [("RGB", (9, 9, 9), (0, 0, 0)), ("L", 9, 0), ("I;16", 9 * 257, 5), ("1", 1, 0)]
)
def test_one_transparent_colour_of_a_png(tmp_path: Path, mode: str, dark: object, clear: object) -> None:
    image = Image.new(mode, (2, 1), dark)  # type: ignore[arg-type]
    image.putpixel((0, 0), clear)  # type: ignore[arg-type]
    image.save(tmp_path / "x.png", transparency=clear)
    other = 255 if mode == "1" else 9
    assert np.array(read_photograph(tmp_path / "x.png")).tolist() == [[[255] * 3, [other] * 3]]


@pytest.mark.parametrize("suffix", ["png", "tiff", "pgm"])
def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path, suffix: str) -> None:
    gradient = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    kind = np.int32 if suffix == "pgm" else np.uint16  # how every Pillow writes 16 bits to these formats
    Image.fromarray(gradient.astype(kind)).save(tmp_path / f"x.{suffix}")
    grey = np.array(read_photograph(tmp_path / f"x.{suffix}"))
    assert (grey == np.arange(256).reshape(16, 16, 1)).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.2, 1.0]], np.float32), [0, 51, 255]),
        (np.array([[0.0, 51.0, 255.0]], np.float32), [0, 51, 255]),
        (np.array([[-5.0, np.nan, 1e6]], np.float32), [0, 0, 255]),
        (np.array([[0, 51, 255]], np.int32), [0, 51, 255]),
        (np.array([[-3, 13107, 65535]], np.int32), [0, 51, 255]),
        (np.array([[0, 20_000, 100_000]], np.int32), [0, 51, 255]),
        (np.array([[0, 0, 0]], np.int32), [0, 0, 0]),
    ],
)
def test_wide_greys(tmp_path: Path, values: np.ndarray, expected: list[int]) -> None:
    Image.fromarray(values).save(tmp_path / "x.tiff")
    assert np.array(read_photograph(tmp_path / "x.tiff"))[0, :, 0].tolist() == expected


def test_cmyk_jpeg(tmp_path: Path) -> None:
    quarters(48, 32).convert("CMYK").save(tmp_path / "x.jpg", quality=95)
    assert corners(read_photograph(tmp_path / "x.jpg")) == [RED, GREEN, BLUE, YELLOW]


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (BLUE, RED, GREEN)]
    for suffix in ("gif", "png", "webp", "tiff"):
        path = tmp_path / f"x.{suffix}"
        options = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert read_photograph(path).getpixel((4, 4)) == BLUE, suffix


def test_large_jpeg_is_decoded_at_a_reduced_scale(tmp_path: Path) -> None:
    path = with_orientation(tmp_path / "x.jpg", quarters(4000, 3000), 6)
    full, reduced = read_photograph(path), read_photograph(path, smallest=224)
    assert (full.size, reduced.size) == ((4000, 3000), (1000, 750))  # a quarter: an eighth is below 448
    assert corners(reduced) == corners(full) == [RED, GREEN, BLUE, YELLOW]
    assert np.abs(to_pixels(full).astype(int) - to_pixels(reduced)).mean() < 1
    quarters(600, 400).save(tmp_path / "small.jpg")
    assert read_photograph(tmp_path / "small.jpg", smallest=224).size == (600, 400)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_hundred_megapixels_are_read(tmp_path: Path) -> None:
    image = Image.new("1", (12000, 9000), 1)
    image.paste(0, (0, 0, 6000, 9000))
    image.save(tmp_path / "x.png")
    assert image.width * image.height > Image.MAX_IMAGE_PIXELS  # where Pillow itself warns
    photograph = read_photograph(tmp_path / "x.png")
    assert photograph.size == (12000, 9000)
    assert [photograph.getpixel((x, 4500))[0] for x in (5999, 6000)] == [0, 255]


class Turnstile:
    """A lock that counts."""

    def __init__(self) -> None:
        self.held = 0

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *_: object) -> None:
        pass


def large(mode: str) -> Image.Image:
    """The quarters in 33 million pixels."""
    return quarters(60, 55).convert(mode).resize((6000, 5500), Image.Resampling.NEAREST)


@pytest.mark.parametrize("mode", ["RGB", "P", "LA"])
def test_large_pictures_are_reduced_and_held_one_at_a_time(tmp_path: Path, mode: str) -> None:
    large(mode).save(tmp_path / "x.png", compress_level=1)
    quarters(60, 55).convert(mode).save(tmp_path / "small.png")
    turnstile = Turnstile()
    image = read_photograph(tmp_path / "x.png", 224, alone=turnstile)
    assert (image.size, turnstile.held) == ((500, 459), 1)  # a twelfth
    small = read_photograph(tmp_path / "small.png", 16, alone=turnstile)
    assert (small.size, turnstile.held) == ((60, 55), 1)
    difference = np.abs(to_pixels(image, 16).astype(int) - to_pixels(small, 16))
    assert difference.mean() < 3


def test_a_progressive_jpeg_is_large_at_any_scale(tmp_path: Path) -> None:
    large("L").save(tmp_path / "plain.jpg")
    large("L").save(tmp_path / "progressive.jpg", progressive=True)
    for name, held in (("plain", 0), ("progressive", 1)):
        turnstile = Turnstile()
        assert max(read_photograph(tmp_path / f"{name}.jpg", 224, alone=turnstile).size) == 750
        assert turnstile.held == held


# HEIC and AVIF


def test_heic_and_avif_are_read_upright(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif", reason="HEIC is read where pillow-heif is installed")
    assert {"HEIF", "AVIF"} <= set(formats())
    with_orientation(tmp_path / "x.avif", quarters(96, 64), 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    # A phone says it twice: libheif turns the picture, and EXIF must not turn it again.
    turned = quarters(96, 64).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "x.heic", exif=exif.tobytes())
    for name in ("x.heic", "x.avif"):
        image = read_photograph(tmp_path / name)
        assert image.size == (96, 64)
        assert corners(image) == [RED, GREEN, BLUE, YELLOW]


def test_without_its_package_heic_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name, brand in (("phone.heic", b"heic"), ("new.avif", b"avif"), ("film.mp4", b"isom")):
        (tmp_path / name).write_bytes(struct.pack(">I", 24) + b"ftyp" + brand + bytes(12))
    program = (
        "import sys\n"
        "sys.modules['pillow_heif'] = None\n"  # as if it were not installed
        "from captioning.photographs import read_photograph\n"
        "from common.errors import InputError\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        read_photograph(path)\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    call = [sys.executable, "-c", program, "phone.heic", "film.mp4"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        call, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path, env=environment
    )
    heic, film = done.stdout.splitlines()
    assert heic == "phone.heic: a HEIC picture, which needs pillow-heif; install it with: " + (
        "pip install 'inwords[heic]'"
    )
    assert film.startswith("film.mp4: not a picture in a known format")


# Bad input


def bad_files() -> dict[str, tuple[bytes, str]]:
    jpeg, png, gif = io.BytesIO(), io.BytesIO(), io.BytesIO()
    noise(64, 64).save(jpeg, "JPEG")
    noise(64, 64).save(png, "PNG")
    noise(64, 64).quantize().save(gif, "GIF")
    broken = bytearray(png.getvalue())
    broken[200] ^= 0xFF

    def gif_of(width: int, height: int) -> bytes:
        return gif.getvalue()[:6] + struct.pack("<HH", width, height) + gif.getvalue()[10:]

    return {
        "empty.jpg": (b"", "the file is empty; download"),
        "text.jpg": (
            b"Dear diary, today I took a photograph.\n" * 9,
            "not a picture in a known format; give",
        ),
        "page.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in a known format"),
        "half.jpg": (jpeg.getvalue()[: len(jpeg.getvalue()) // 2], "the file ends early; download"),
        "last.jpg": (jpeg.getvalue()[:-40], "the file ends early; download"),
        "half.png": (png.getvalue()[: len(png.getvalue()) // 2], "the file ends early; download"),
        "half.gif": (gif.getvalue()[: len(gif.getvalue()) // 2], "the file ends early; download"),
        "header.png": (
            png.getvalue()[:20],
            "not a picture in a known format|the file ends early|the picture is damaged",
        ),
        "broken.png": (bytes(broken), "the picture is damaged .*; download"),
        "bomb.png": (png_header(30000, 30000), r"more than 178,956,970 pixels; scale it down"),
        "bomb.gif": (gif_of(30000, 30000), r"more than 178,956,970 pixels; scale it down"),
        "two\nlines.jpg": (b"", "the file is empty; download"),
    }


@pytest.mark.parametrize("name", bad_files())
def test_bad_file_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    data, pattern = bad_files()[name]
    (tmp_path / name).write_bytes(data)
    for smallest in (None, 16):
        with pytest.raises(InputError, match=pattern) as caught:
            read_photograph(tmp_path / name, smallest=smallest)
        assert "\n" not in str(caught.value)
        assert name.replace("\n", "\\n") in str(caught.value)
    with pytest.raises(InputError, match=f"^the picture: ({pattern})"):
        read_photograph(data)


def test_missing_file_folder_and_picture_without_pixels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg: there is no such file; check"):
        read_photograph(tmp_path / "gone.jpg")
    with pytest.raises(InputError, match=r"this is a folder; give a picture inside it"):
        read_photograph(tmp_path)
    with pytest.raises(InputError, match=r"^the picture: the picture has no pixels"):
        read_photograph(Image.new("RGB", (0, 4)))


def odd_but_readable(folder: Path) -> list[Path]:
    """Files over which Pillow warns: corrupt EXIF data, a palette with alphas, a bad APNG."""
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHII", 8, 1, 0x010F, 2, 500, 9000) + bytes(4)
    noise(16, 16).save(folder / "exif.jpg", exif=exif)
    palette = noise(16, 16).quantize()
    palette.save(folder / "palette.png", transparency=bytes(range(256)))
    plain = io.BytesIO()
    noise(16, 16).save(plain, "PNG")
    data = plain.getvalue()
    (folder / "apng.png").write_bytes(data[:33] + png_chunk(b"acTL", bytes(8)) + data[33:])
    return [folder / "exif.jpg", folder / "palette.png", folder / "apng.png"]


def test_pillow_does_warn_over_the_odd_files(tmp_path: Path) -> None:
    exif, palette, apng = odd_but_readable(tmp_path)
    with pytest.warns(UserWarning, match=r"EXIF|tag|Truncated"), Image.open(exif) as image:
        image.getexif()
    with pytest.warns(UserWarning, match="Palette"), Image.open(palette) as image:
        image.convert("RGB")
    with pytest.warns(UserWarning, match="APNG"):
        Image.open(apng).close()


def test_warnings_are_left_to_the_filters_of_the_program(tmp_path: Path) -> None:
    exif, _, apng = odd_but_readable(tmp_path)
    for path in (exif, apng):  # `filterwarnings = error` makes them errors
        with pytest.raises(UserWarning):
            read_photograph(path)
        with warnings.catch_warnings(action="ignore"):
            assert read_photograph(path).size == (16, 16)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_threads_read_at_once_and_leave_the_filters_as_they_were(tmp_path: Path) -> None:
    odd = odd_but_readable(tmp_path)
    before = list(warnings.filters)
    together = threading.Barrier(3, timeout=30)

    class Slow(io.BytesIO):
        begun = False

        def read(self, count: int | None = -1, /) -> bytes:
            if not self.begun:
                self.begun = True
                together.wait()  # until three threads are reading
            return super().read(count)

    with ThreadPoolExecutor(3) as threads:
        sources = [Slow(path.read_bytes()) for path in odd]
        sizes = [image.size for image in threads.map(read_photograph, sources)]
    assert sizes == [(16, 16)] * 3
    assert warnings.filters == before


def test_nothing_reaches_the_standard_error(tmp_path: Path) -> None:
    many = io.BytesIO()
    noise(16, 16).save(many, "TIFF")
    # Tag 277, samples per pixel: a number that Pillow logs an error over.
    samples = struct.pack("<HHI", 277, 3, 1)
    tiff = many.getvalue()
    assert tiff.count(samples) == 1
    (tmp_path / "log.tiff").write_bytes(tiff.replace(samples + b"\3", samples + b"\x63"))
    paths = [str(path) for path in [*odd_but_readable(tmp_path), tmp_path / "log.tiff"]]
    program = (
        "import sys, warnings\n"
        "warnings.filterwarnings('ignore', module='PIL')\n"  # as the command line does
        "from captioning.photographs import read_photograph\n"
        "from common.errors import InputError\n"
        "assert not {'PIL', 'numpy', 'torch'} & set(sys.modules)\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        print(read_photograph(path).size)\n"
        "    except InputError as error:\n"
        "        print('bad')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == ["(16, 16)"] * 3 + ["bad", ""]


# Pixels


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    image = noise(224, 224)
    pixels = to_pixels(image)
    assert (pixels == np.array(image)).all()
    pixels[0, 0] = 7  # writable, and not the picture's own memory
    assert pixels.flags.c_contiguous
    assert (np.array(image) == np.array(noise(224, 224))).all()


@pytest.mark.parametrize("size", [(1, 10000), (10000, 1), (1, 1), (1, 1_000_000), (640, 480)])
def test_a_square_is_made_of_any_shape(size: tuple[int, int]) -> None:
    pixels = to_pixels(Image.new("RGB", size, (10, 20, 30)), size=16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert (pixels == (10, 20, 30)).all()


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1920, 1080), (1080, 1920), (600, 300)])
def test_up_to_two_to_one_the_whole_picture_is_squashed(size: tuple[int, int]) -> None:
    assert seen(*size) == (0, 0, *size)
    assert corners(Image.fromarray(to_pixels(quarters(*size)))) == [RED, GREEN, BLUE, YELLOW]


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((1000, 100), (400, 0, 600, 100)),
        ((100, 1000), (0, 400, 100, 600)),
        ((6000, 1000), (2000, 0, 4000, 1000)),
        ((1080, 2400), (0, 120, 1080, 2280)),
        ((2001, 1000), (0.5, 0, 2000.5, 1000)),
    ],
)
def test_of_longer_ones_the_middle_is_seen(size: tuple[int, int], box: tuple[float, ...]) -> None:
    assert seen(*size) == box


@pytest.mark.parametrize(
    "size", [(400, 400), (640, 480), (1920, 1080), (1080, 2400), (3000, 500), (500, 1500)]
)
def test_what_is_in_the_middle_stays_whole_and_is_not_much_distorted(size: tuple[int, int]) -> None:
    """A disc as wide as the picture's shorter side, but for a margin."""
    picture = Image.new("RGB", size, WHITE)
    across, down, radius = size[0] / 2, size[1] / 2, 0.45 * min(size)
    disc = (across - radius, down - radius, across + radius, down + radius)
    ImageDraw.Draw(picture).ellipse(disc, fill="black")
    dark = to_pixels(picture)[:, :, 0] < 128
    rows, columns = dark.any(1).nonzero()[0], dark.any(0).nonzero()[0]
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert 0 < rows[0] <= rows[-1] < 223
    assert 0 < columns[0] <= columns[-1] < 223
    assert dark.sum() == pytest.approx(np.pi / 4 * height * width, rel=0.03)  # all of the ellipse
    distortion = max(height / width, width / height)
    assert distortion == pytest.approx(min(max(size) / min(size), LONGEST), rel=0.03)


def test_shrinking_averages_rather_than_picks() -> None:
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = to_pixels(Image.fromarray(stripes))[:, 4:-4]
    assert inner.min() > 100
    assert inner.max() < 155


def test_only_rgb_has_pixels() -> None:
    with pytest.raises(ValueError, match=r"image must be RGB.*'L'"):
        to_pixels(Image.new("L", (4, 4)))
