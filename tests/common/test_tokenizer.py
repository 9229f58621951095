import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from common.tokenizer import Tokenizer
from common.tokenizer_kinds import BYTES, EOS, UNK, Kind

KINDS: tuple[Kind, ...] = ("character", "word", "byte-pair")
TEXTS = [
    "Ein Hund läuft über die Straße.",
    "A dog's t-shirt isn’t red, is it?",
    "Zeile eins\nZeile zwei\n\n\tmit  zwei Leerzeichen \r\n",
    "كلب يركض على العشب، والطفل يضحك.",
    "हिन्दी में एक वाक्य",
    "family 👨‍👩‍👧 and flags 🇩🇪, e\u0301 and é, \x00 and \x7f",
    "<en> <eos></s> <0xF0> Ġ Â ▁ ##ing",
    " one space before",
    "   three spaces around   ",
    "\n",
    " ",
    "",
]


def trained(kind: Kind, texts: list[str] = TEXTS, **settings: int) -> Tokenizer:
    size = {"vocabulary_size": 320} if kind == "byte-pair" else {}
    return Tokenizer.train(kind, texts, special_tokens=["<en>", "<de>"], **(size | settings))


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return trained(request.param)


def random_text(generator: random.Random) -> str:
    """Up to 30 code points from everywhere in Unicode but the surrogates, white space and ASCII often."""
    ranges = [(0x20, 0x7F), (0x20, 0x7F), (0, 0x20), (0x80, 0x800), (0x800, 0xD800), (0xE000, 0x110000)]
    spans = [generator.choice(ranges) for _ in range(generator.randrange(31))]
    return "".join(chr(generator.randrange(*span)) for span in spans)


def test_decoding_gives_the_text_back(tokenizer: Tokenizer) -> None:
    batch = tokenizer.encode_batch(TEXTS)
    assert tokenizer.decode_batch(batch) == TEXTS
    assert [tokenizer.encode(text) for text in TEXTS] == batch
    assert [tokenizer.decode(ids) for ids in batch] == TEXTS


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_gives_random_texts_back(kind: Kind) -> None:
    generator = random.Random(1)
    texts = [random_text(generator) for _ in range(500)]
    tokenizer = trained(kind, texts)
    assert tokenizer.decode_batch(tokenizer.encode_batch(texts)) == texts
    assert UNK not in {id_ for ids in tokenizer.encode_batch(texts) for id_ in ids}


def test_texts_in_parts_are_the_texts_with_no_token_across() -> None:
    tokenizer = trained("byte-pair")
    assert tokenizer.encode_parts([[text] for text in TEXTS]) == tokenizer.encode_batch(TEXTS)
    generator = random.Random(3)
    for text in (text for text in TEXTS if len(text) > 1):
        place = generator.randrange(1, len(text))
        (ids,) = tokenizer.encode_parts([[text[:place], text[place:]]])
        assert tokenizer.decode(ids) == text
        # After some token the text so far is what comes before the cut.
        assert text[:place] in [tokenizer.decode(ids[:count]) for count in range(len(ids) + 1)]


def test_more_texts_than_are_encoded_at_a_time() -> None:
    texts = [f"a{number}" for number in range(25_000)]
    tokenizer = trained("byte-pair", texts[:100])
    assert tokenizer.decode_batch(tokenizer.encode_batch(texts)) == texts


def test_byte_pairs_cover_texts_never_seen() -> None:
    generator = random.Random(2)
    tokenizer = trained("byte-pair", ["a small text"])
    texts = [random_text(generator) for _ in range(500)]
    assert tokenizer.decode_batch(tokenizer.encode_batch(texts)) == texts
    assert all(tokenizer.unknown(text) == [] for text in texts)


def test_a_character_is_one_token() -> None:
    tokenizer = trained("character")
    assert [len(ids) for ids in tokenizer.encode_batch(TEXTS)] == [len(text) for text in TEXTS]
    assert tokenizer.pieces(tokenizer.encode("ß\n\r d")) == ["ß", "\n", "\r", " ", "d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ein Hund.", ["Ein", " Hund", "."]),
        ("a dog's t-shirt", ["a", " dog's", " t", "-", "shirt"]),
        ("it isn’t so", ["it", " isn’t", " so"]),
        ("oh, 'well' ...", ["oh", ",", " '", "well", "'", " ..."]),
        ("one\n\ntwo\n  three ", ["one", "\n", "\n", "two", "\n", " ", " three", " "]),
        ("a\t\tb", ["a", "\t", "\t", "b"]),
        ("12 km", ["12", " km"]),
    ],
)
def test_words_carry_the_space_before_them(text: str, words: list[str]) -> None:
    tokenizer = trained("word", [text])
    assert tokenizer.pieces(tokenizer.encode(text)) == words


def test_words_are_ordered_by_frequency_then_alphabet() -> None:
    tokenizer = Tokenizer.train("word", ["b a a c", "b a c d"], special_tokens=["<en>"])
    # " a" comes three times, " c" and "b" twice, " d" once; a space sorts before a letter.
    assert tokenizer.pieces(range(len(tokenizer))) == [
        *("<pad>", "<bos>", "<eos>", "<unk>", "<en>"),
        *(" a", " c", "b", " d"),
    ]


def test_byte_pair_merges_go_by_frequency() -> None:
    size = 4 + BYTES + 2
    tokenizer = Tokenizer.train("byte-pair", ["hug pug hug", "hug mu"], vocabulary_size=size)
    # "ug" comes four times, all other pairs at most three times.
    assert tokenizer.pieces([size - 2]) == ["ug"]
    assert tokenizer.pieces(tokenizer.encode("bug")) == [" ", "b", "ug"]
    assert tokenizer.vocabulary_size == size


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_file_in_any_order(kind: Kind, tmp_path: Path) -> None:
    trained(kind).save(tmp_path / "first.json")
    trained(kind, TEXTS[::-1]).save(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_the_vocabulary_keeps_the_most_frequent() -> None:
    texts = ["aaabbc"]
    assert trained("character", texts, vocabulary_size=8).unknown("abc") == ["c"]
    assert trained("character", texts, minimum_count=3).unknown("abc") == ["b", "c"]
    assert len(trained("character", texts, vocabulary_size=8)) == 8


def test_special_tokens_have_fixed_ids(tokenizer: Tokenizer) -> None:
    names = ("<pad>", "<bos>", "<eos>", "<unk>", "<en>", "<de>")
    assert tokenizer.special_tokens == names
    assert [tokenizer.special(name) for name in names] == [0, 1, 2, 3, 4, 5]
    assert (tokenizer.PAD, tokenizer.BOS, tokenizer.EOS, tokenizer.UNK) == (0, 1, 2, 3)
    with pytest.raises(InputError, match=r"no special token '<fr>'; there are <pad>, .*<en>, <de>"):
        tokenizer.special("<fr>")


@pytest.mark.parametrize("text", ["<eos>", "<en>", "a<eos>b", " <de> ", "<pad><pad>", "<bos> <unk>\n<en>"])
def test_a_special_token_in_a_text_is_ordinary_text(tokenizer: Tokenizer, text: str, tmp_path: Path) -> None:
    # Trained on such texts, so that the parts are known; and true after loading as well.
    trained(tokenizer.kind, [text, *TEXTS]).save(tmp_path / "tokenizer.json")
    known = Tokenizer.load(tmp_path / "tokenizer.json")
    for each in (tokenizer, known):
        assert not {0, 1, 2, 4, 5} & set(each.encode(text))
    assert known.decode(known.encode(text)) == text


def test_decoding_leaves_special_tokens_out(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(TEXTS[0])
    framed = [1, tokenizer.special("<en>"), *ids, EOS, 0, 0]
    assert tokenizer.decode(framed) == TEXTS[0]
    assert tokenizer.pieces(framed)[:2] == ["<bos>", "<en>"]
    assert tokenizer.pieces(framed)[-3:] == ["<eos>", "<pad>", "<pad>"]
    assert tokenizer.decode([]) == ""


def test_pieces_put_together_are_the_text() -> None:
    for kind in KINDS:
        # Room for every merge, so that no character stays cut into bytes.
        tokenizer = trained(kind, vocabulary_size=5000)
        for text in filter(None, TEXTS):
            ids = tokenizer.encode(text)
            assert len(tokenizer.pieces(ids)) == len(ids)
            assert "".join(tokenizer.pieces(ids)) == (" " if kind == "byte-pair" else "") + text


def test_bytes_of_a_cut_character_are_readable() -> None:
    tokenizer = trained("byte-pair", ["plain"])
    assert tokenizer.pieces(tokenizer.encode("😀!")) == [" ", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "!"]
    # All 256 bytes: ASCII as itself, the others by their number.
    expected = [chr(byte) if byte < 128 else f"<0x{byte:02X}>" for byte in range(BYTES)]
    assert sorted(tokenizer.pieces(range(6, 6 + BYTES))) == sorted(expected)


def test_spans_cover_the_text(tokenizer: Tokenizer) -> None:
    for text in [*TEXTS, "never seen: 鳥 and Ωμέγα"]:
        spans = tokenizer.spans(text)
        assert [id_ for id_, _ in spans] == tokenizer.encode(text)
        covered = 0
        for _, (start, end) in spans:
            # Several byte pairs may stand for one character.
            assert start <= covered <= end
            covered = end
        assert covered == len(text)


def test_unknown_parts_are_named_once_in_order() -> None:
    words = trained("word", ["a dog runs", "dog"])
    assert words.unknown("Zebra dog and and Zebra runs\n") == ["Zebra", "and", "\n"]
    assert words.encode("dog and dog")[1] == UNK
    assert words.decode(words.encode("a Zebra runs")) == "a runs"
    characters = trained("character", ["abc"])
    assert characters.unknown("a😀bé😀 ") == ["😀", "é", " "]
    assert characters.unknown("cab") == []


def test_a_saved_tokenizer_does_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    texts = [*TEXTS, "never seen 日本"]
    assert loaded.kind == tokenizer.kind
    assert loaded.special_tokens == tokenizer.special_tokens
    assert loaded.encode_batch(texts) == tokenizer.encode_batch(texts)
    assert loaded.decode_batch(loaded.encode_batch(texts)) == tokenizer.decode_batch(
        tokenizer.encode_batch(texts)
    )
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def foreign_tokenizer() -> str:
    """A valid file of the library, but with other ids for the special tokens."""
    import tokenizers

    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")]))
    return str(inner.to_str())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"BPE"', b'{"model": {"type": "BPE"}}', b"\xff\xfe\x00", b"\x00" * 100],
)
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: damaged or not .*; restore or train it"):
        Tokenizer.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_and_changed_files_are_refused(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    trained(kind).save(path)
    text = path.read_text(encoding="utf-8")
    renamed = text.replace("<eos>", "</s>")
    other_split = json.loads(text) | {"pre_tokenizer": {"type": "Whitespace"}}
    changed = [text[: len(text) // 2], renamed, foreign_tokenizer()]
    if kind != "byte-pair":
        changed.append(json.dumps(other_split))
    for content in changed:
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"tokenizer\.json: damaged or not a tokenizer of this program"):
            Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json: No such file or directory; name a model directory"):
        Tokenizer.load(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match=f"{re.escape(str(tmp_path))}: Is a directory; name a model"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("syllable", {}, "kind must be one of character, word, byte-pair, got 'syllable'"),
        ("byte-pair", {}, "byte pairs need a vocabulary_size"),
        (
            "byte-pair",
            {"vocabulary_size": 259},
            "vocabulary_size of byte-pair tokens must be at least 260, got 259",
        ),
        ("word", {"vocabulary_size": 4}, "vocabulary_size of word tokens must be at least 5, got 4"),
        ("word", {"minimum_count": 0}, "minimum_count must be at least 1, got 0"),
        ("word", {"minimum_count": 9}, r"no word comes often enough \(minimum_count 9\); give more text"),
        ("character", {"special_tokens": ["en"]}, "must be distinct and look like <en>, got 'en'"),
        ("character", {"special_tokens": ["<>"]}, "must be distinct and look like <en>, got '<>'"),
        ("character", {"special_tokens": ["<a b>"]}, "must be distinct and look like <en>, got '<a b>'"),
        (
            "character",
            {"special_tokens": ["<en>", "<en>"]},
            "must be distinct and look like <en>, got '<en>'",
        ),
        ("character", {"special_tokens": ["<eos>"]}, "must be distinct and look like <en>, got '<eos>'"),
    ],
)
def test_wrong_settings_are_refused(kind: Kind, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tokenizer.train(kind, ["some text"], **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_gives_no_vocabulary_but_bytes(kind: Kind) -> None:
    if kind == "byte-pair":
        assert len(trained(kind, [])) == 6 + BYTES
    else:
        with pytest.raises(InputError, match=f"no {kind} comes often enough"):
            trained(kind, [])


def test_invalid_unicode_is_refused(tokenizer: Tokenizer) -> None:
    broken = b"caf\xe9 noir".decode("utf-8", "surrogateescape")
    for call in (tokenizer.encode, tokenizer.unknown, lambda text: tokenizer.encode_batch(["fine", text])):
        with pytest.raises(InputError, match=r"text must be UTF-8, got 'caf\\udce9 noir'; convert it"):
            call(broken)


def test_texts_may_come_from_a_generator() -> None:
    assert len(Tokenizer.train("character", (text for text in ["ab", "cd"]))) == 4 + 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_after_encoding_prints_no_warning() -> None:
    script = (
        "import os; from common.tokenizer import Tokenizer\n"
        "tokenizer = Tokenizer.train('character', ['abc'] * 9)\n"
        "tokenizer.encode_batch(['abc'] * 999)\n"
        "child = os.fork()\n"
        "tokenizer.encode_batch(['abc'] * 999)\n"
        "os._exit(0) if child == 0 else os.waitpid(child, 0)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TOKENIZERS_PARALLELISM"}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stderr == ""


@pytest.mark.parametrize("module", ["common.tokenizer", "common.metrics"])
def test_importing_needs_no_torch(module: str) -> None:
    script = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
