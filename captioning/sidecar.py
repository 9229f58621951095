"""Captions beside photographs, in XMP sidecar files, which photo managers read.

The photograph itself is never touched.

The sidecar of ``photo.jpg`` is ``photo.jpg.xmp``, as darktable and digiKam name it and Immich prefers it.
The other custom, ``photo.xmp``, cannot tell ``photo.jpg`` from the ``photo.cr2`` beside it, and the
programs that keep to it look for one beside raw files only.

Reference: XMP specification, part 1 (ISO 16684-1); a caption is a language alternative, ``dc:description``.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from xml.etree import ElementTree

from common.errors import InputError

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_DEFAULT = "x-default"
_EMPTY = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/"/></x:xmpmeta>'
)
# What XML 1.0 (section 2.2) has no way to write, the halves of names that are not UTF-8 among it.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_sidecar(photograph: Path, caption: str, language: str) -> Path:
    """Write a caption into the sidecar of a photograph, all at once, and return the sidecar's path.

    Everything else in a sidecar that is there already stays. The description in ``language`` is replaced. The
    one for everybody (``x-default``) is written if there is no description, and replaced if it was the
    same text as that in ``language``; else it is somebody's own words.

    Args:
        photograph: The picture, which is not opened.
        caption: What XML cannot hold, such as a control character, becomes U+FFFD.
        language: Of the caption, such as ``"en"`` (BCP 47).

    Raises:
        InputError: The sidecar is damaged or not XMP, or cannot be read or written.
    """
    sidecar = photograph.with_name(photograph.name + ".xmp")
    root = _read(sidecar)
    _describe(_alternatives(root, sidecar), _NOT_XML.sub("\ufffd", caption), language)
    _write(root, sidecar)
    return sidecar


def _read(sidecar: Path) -> ElementTree.Element:
    """The outermost element of a sidecar, comments included; a new one if there is no such file."""
    try:
        data = sidecar.read_bytes() if os.path.lexists(sidecar) else _EMPTY
        for _, (prefix, uri) in ElementTree.iterparse(io.BytesIO(data), ("start-ns",)):
            # Otherwise others' prefixes would become ns0, ns1, ...: as good for XML, but not for people.
            if prefix and not re.fullmatch(r"ns\d+", prefix):
                ElementTree.register_namespace(prefix, uri)
        builder = ElementTree.TreeBuilder(insert_comments=True, insert_pis=True)
        return ElementTree.XML(data, ElementTree.XMLParser(target=builder))
    except OSError as error:
        raise InputError(f"{sidecar}: cannot be read ({error.strerror}); check its permissions") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the latter: unknown encodings
        raise InputError(
            f"{sidecar}: this sidecar is damaged ({error}); repair it, or move it away to get a new one"
        ) from error


def _alternatives(root: ElementTree.Element, sidecar: Path) -> ElementTree.Element:
    """The list of descriptions by language; a new one if there is none, or one made of a plain text."""
    rdf = root if root.tag == f"{_RDF}RDF" else root.find(f"{_RDF}RDF")
    if rdf is None:
        raise InputError(
            f"{sidecar}: not an XMP sidecar, for it has no rdf:RDF; move it away to get a new one"
        )
    blocks = rdf.findall(f"{_RDF}Description")
    if not blocks:
        blocks = [ElementTree.SubElement(rdf, f"{_RDF}Description", {f"{_RDF}about": ""})]
    for block in blocks:
        if _DESCRIPTION in block.attrib:  # the short form, of a text without a language
            ElementTree.SubElement(block, _DESCRIPTION).text = block.attrib.pop(_DESCRIPTION)
    description = next((found for block in blocks for found in block.findall(_DESCRIPTION)), None)
    if description is None:
        description = ElementTree.SubElement(blocks[0], _DESCRIPTION)
    alternatives = description.find(f"{_RDF}Alt")
    if alternatives is None:
        text, items = (description.text or "").strip(), description.findall(f"*/{_RDF}li")
        description.clear()
        alternatives = ElementTree.SubElement(description, f"{_RDF}Alt")
        alternatives.extend(items)
        if text:
            _insert(alternatives, 0, _DEFAULT, text)
    return alternatives


def _describe(alternatives: ElementTree.Element, caption: str, language: str) -> None:
    """Set the item in a language, and the default, which comes first, unless it is somebody's."""
    items = {item.get(_LANGUAGE, _DEFAULT).lower(): item for item in alternatives.findall(f"{_RDF}li")}
    own, default = items.get(language.lower()), items.get(_DEFAULT)
    if default is None:
        if len(items) == (own is not None):
            _insert(alternatives, 0, _DEFAULT, caption)
    elif not (default.text or "").strip() or (own is not None and default.text == own.text):
        default.text = caption
    if own is None:
        _insert(alternatives, len(alternatives), language, caption)
    else:
        own.text = caption


def _insert(alternatives: ElementTree.Element, place: int, language: str, text: str) -> None:
    item = ElementTree.Element(f"{_RDF}li", {_LANGUAGE: language})
    item.text = text
    alternatives.insert(place, item)


def _write(root: ElementTree.Element, sidecar: Path) -> None:
    """Give the sidecar its new content when all of that is on the disk."""
    ElementTree.indent(root)
    content = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    whole = sidecar.resolve()  # a link stays one
    part = whole.with_name(whole.name + ".part")
    try:
        try:
            part.write_bytes(content)
            os.replace(part, whole)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{sidecar}: cannot be written ({error.strerror}); sidecars lie beside the photographs, "
            "so copy these to a folder that you may write to"
        ) from error
