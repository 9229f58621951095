import os
from xml.etree import ElementTree

import pytest

from captioning.sidecar import write_sidecar
from common.errors import InputError

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def sidecar(inside, attributes=""):
    """A sidecar as other programs write it, with a packet wrapper around and two blocks."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<!-- before -->\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Other 1.0">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="" xmlns:other="http://example.com/other/"\n'
        '    other:kept="a&#10;b &lt; &quot;c&quot;"><!-- a comment -->\n'
        "   <other:list><rdf:Seq><rdf:li> one </rdf:li><rdf:li>2 &amp; 3</rdf:li></rdf:Seq></other:list>\n"
        "  </rdf:Description>\n"
        f'  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>{inside}'
        "<dc:subject><rdf:Bag><rdf:li>dog</rdf:li></rdf:Bag></dc:subject></rdf:Description>\n"
        ' </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>\n'
    )


def described(*items):
    inside = "".join(f'<rdf:li xml:lang="{language}">{text}</rdf:li>' for language, text in items)
    return sidecar(f"<dc:description><rdf:Alt>{inside}</rdf:Alt></dc:description>")


def descriptions(path):
    """The descriptions of a sidecar in their order, as XMP has them; there must be one such property."""
    (found,) = ElementTree.parse(path).iterfind(f"{RDF}RDF/{RDF}Description/{DC}description")
    (alternatives,) = found
    assert alternatives.tag == f"{RDF}Alt"
    return [(item.get(LANGUAGE), item.text) for item in alternatives]


def test_a_new_sidecar_holds_the_caption_for_everybody_and_in_its_language(tmp_path):
    (tmp_path / "photo.one.jpg").write_bytes(b"pixels")
    path = write_sidecar(tmp_path / "photo.one.jpg", "A dog & <two> cats.", "en")
    assert path == tmp_path / "photo.one.jpg.xmp"
    assert descriptions(path) == [("x-default", "A dog & <two> cats."), ("en", "A dog & <two> cats.")]
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
    assert [each.get(f"{RDF}about") for each in root.iter(f"{RDF}Description")] == [""]
    assert path.read_bytes().startswith(b"<?xml version='1.0' encoding='utf-8'?>\n<x:xmpmeta ")
    assert (tmp_path / "photo.one.jpg").read_bytes() == b"pixels"
    assert sorted(os.listdir(tmp_path)) == ["photo.one.jpg", "photo.one.jpg.xmp"]


def test_a_second_caption_replaces_the_first_and_another_language_is_added(tmp_path):
    write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    write_sidecar(tmp_path / "a.jpg", "ein Hund", "de")
    write_sidecar(tmp_path / "a.jpg", "a fox", "en")
    path = write_sidecar(tmp_path / "a.jpg", "ein Fuchs", "DE")
    assert descriptions(path) == [("x-default", "a fox"), ("en", "a fox"), ("de", "ein Fuchs")]
    once = path.read_bytes()
    assert write_sidecar(tmp_path / "a.jpg", "ein Fuchs", "de").read_bytes() == once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A person's words, of no language, in another one, or changed since we wrote ours.
        (described(("x-default", "mine")), [("x-default", "mine"), ("en", "a dog")]),
        (described(("fr", "un chien")), [("fr", "un chien"), ("en", "a dog")]),
        (described(("x-default", "mine"), ("en", "a cat")), [("x-default", "mine"), ("en", "a dog")]),
        (
            described(("x-default", "le mien"), ("fr", "le mien")),
            [("x-default", "le mien"), ("fr", "le mien"), ("en", "a dog")],
        ),
        # Nobody's, or our own.
        (described(("x-default", "a cat"), ("en", "a cat")), [("x-default", "a dog"), ("en", "a dog")]),
        (described(("en", "a cat")), [("x-default", "a dog"), ("en", "a dog")]),
        (described(("x-default", " ")), [("x-default", "a dog"), ("en", "a dog")]),
        (described(), [("x-default", "a dog"), ("en", "a dog")]),
        (sidecar(""), [("x-default", "a dog"), ("en", "a dog")]),
        # A related language is another one.
        (described(("en-GB", "colour")), [("en-GB", "colour"), ("en", "a dog")]),
        # Other ways to write the same.
        (sidecar("", 'dc:description="mine"'), [("x-default", "mine"), ("en", "a dog")]),
        (sidecar("<dc:description>mine</dc:description>"), [("x-default", "mine"), ("en", "a dog")]),
        (
            sidecar('<dc:description><rdf:Bag><rdf:li xml:lang="fr">un</rdf:li></rdf:Bag></dc:description>'),
            [("fr", "un"), ("en", "a dog")],
        ),
    ],
)
def test_words_of_somebody_else_stay(tmp_path, before, after):
    (tmp_path / "a.jpg.xmp").write_text(before, encoding="utf-8")
    assert descriptions(write_sidecar(tmp_path / "a.jpg", "a dog", "en")) == after


def others(path):
    """Everything in a sidecar but the description, with the white space that counts."""
    root = ElementTree.parse(
        path, ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    )
    return [
        (str(each.tag), sorted(each.items()), "" if len(each) else each.text)
        for each in root.getroot().iter()
        if not any(each in found.iter() for found in root.iter(f"{DC}description"))
    ]


def test_everything_else_in_a_sidecar_stays(tmp_path):
    path = tmp_path / "a.jpg.xmp"
    path.write_text(described(("x-default", "mine")), encoding="utf-8")
    before = others(path)
    write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    assert len(before) > 8
    assert others(path) == before
    text = path.read_text(encoding="utf-8")
    assert "<other:list>" in text  # the names that people know, not ns0
    assert "a comment" in text


def test_a_sidecar_in_another_encoding_is_read(tmp_path):
    (tmp_path / "a.jpg.xmp").write_bytes(described(("x-default", "Fußball")).encode("utf-16"))
    path = write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    assert descriptions(path) == [("x-default", "Fußball"), ("en", "a dog")]


def test_bare_rdf_is_xmp_too(tmp_path):
    bare = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    (tmp_path / "a.jpg.xmp").write_text(bare)
    root = ElementTree.parse(write_sidecar(tmp_path / "a.jpg", "a dog", "en")).getroot()
    assert root.tag == f"{RDF}RDF"
    assert [item.text for item in root.iter(f"{RDF}li")] == ["a dog", "a dog"]


def test_what_xml_cannot_hold_is_replaced(tmp_path):
    path = write_sidecar(tmp_path / "a.jpg", "a\x00b\x1bc\udcffd\uffff, 🐕\tü", "en")
    assert descriptions(path)[0] == ("x-default", "a\ufffdb\ufffdc\ufffdd\ufffd, 🐕\tü")


DAMAGED = "a.jpg.xmp: this sidecar is damaged .*; repair it, or move it away"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", DAMAGED),
        (b"not XML", DAMAGED),
        (described(("x-default", "mine")).encode()[:-200], r"damaged \(.*line \d+"),
        (b"<a>\xff</a>", DAMAGED),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', DAMAGED),
        (b"<a>&unknown;</a>", DAMAGED),
        (b"<html><body/></html>", "a.jpg.xmp: not an XMP sidecar, .*; move it away"),
    ],
)
def test_a_damaged_sidecar_is_refused_and_left_as_it_is(tmp_path, content, message):
    (tmp_path / "a.jpg.xmp").write_bytes(content)
    with pytest.raises(InputError, match=message):
        write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    assert (tmp_path / "a.jpg.xmp").read_bytes() == content
    assert os.listdir(tmp_path) == ["a.jpg.xmp"]


def test_a_sidecar_that_cannot_be_read_or_written_is_named(tmp_path):
    (tmp_path / "a.jpg.xmp").mkdir()
    with pytest.raises(InputError, match=r"a.jpg.xmp: cannot be read .Is a directory."):
        write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    with pytest.raises(InputError, match=r"b.jpg.xmp: cannot be written .No such file or directory."):
        write_sidecar(tmp_path / "missing" / "b.jpg", "a dog", "en")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "kept.xmp").write_text(described())
    (tmp_path / "a.jpg.xmp").symlink_to("kept.xmp")
    write_sidecar(tmp_path / "a.jpg", "a dog", "en")
    assert (tmp_path / "a.jpg.xmp").is_symlink()
    assert descriptions(tmp_path / "kept.xmp")[1] == ("en", "a dog")
