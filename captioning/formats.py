"""Which pictures can be read: those that Pillow decodes by itself, and HEIC with the package pillow-heif."""

from functools import cache

# Pillow names these but does not decode them by itself: scientific containers, films,
# and page descriptions (for EPS it would start Ghostscript on a file nobody checked).
NOT_PICTURES = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

# Of formats that not every installation reads: pictures all the same, and an error rather than nothing.
_AT_TIMES = frozenset({".avif", ".heic", ".heif", ".hif"})
_WANTED = {
    b"avif": "an AVIF picture, which needs a newer Pillow; install it with: pip install --upgrade pillow",
    b"heic": "a HEIC picture, which needs pillow-heif; install it with: pip install 'inwords[heic]'",
}
_BRANDS = {b"avif": b"avif", b"avis": b"avif"} | dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), b"heic"
)


@cache
def formats() -> tuple[str, ...]:
    """The formats that can be opened and decoded here, the common ones first."""
    from PIL import Image

    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
    Image.preinit()
    Image.init()
    # A copy: other threads may be making Pillow known to more formats.
    return tuple(kind for kind in list(Image.OPEN) if kind not in NOT_PICTURES)


@cache
def suffixes() -> frozenset[str]:
    """How the names of pictures end, in lower case, with the dot."""
    from PIL import Image

    kinds = {*formats(), "MPO"}  # MPO is opened by the JPEG reader
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in kinds}
    return _AT_TIMES | known


def what_is_wanting(start: bytes) -> str | None:
    """What would have to be installed for a file that nothing here can open; None if it is no picture.

    Args:
        start: Its first 12 bytes; those of HEIC and AVIF name a brand (ISO/IEC 14496-12, section 4.3).
    """
    brand = _BRANDS.get(start[8:12]) if start[4:8] == b"ftyp" else None
    return _WANTED[brand] if brand else None
