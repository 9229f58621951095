import asyncio
import random
import re
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace

import pytest
import torch

from common.constraints import Constraints
from common.decoder import DecoderConfig
from common.errors import InputError
from common.loops import is_loop
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer
from translation import texts as texts_module
from translation.careful import Sentence
from translation.dictionary import Dictionary
from translation.encoder import EncoderConfig
from translation.glossary import Glossary
from translation.model import Translator
from translation.placeholders import PLACEHOLDERS
from translation.records import TranslatorConfig
from translation.texts import split_texts


def untrained(kind="byte-pair", *, seed=0, maximum_length=40, characters=""):
    """A translator from "xa" to "yb" that writes gibberish."""
    torch.manual_seed(seed)
    words = ["Lom mir tas rul kes, sor! Lut: mok?", "Dag fep bin hud gop, vat! Jep: wib?"]
    tokenizer = Tokenizer.train(kind, words, vocabulary_size=290, special_tokens=["<xa>", "<yb>"])
    decoder = DecoderConfig(len(tokenizer), 8, 16, 1, summary_size=16, memory_size=16, heads=1)
    config = TranslatorConfig(
        EncoderConfig(8, 8, 1), decoder, ("xa-yb", "yb-xa"), maximum_length, characters=characters
    )
    return Translator(config, tokenizer).eval()


MARKED = [
    "{Lom mir.}  {Tas rul!}\t{Kes?}",
    "{Lom mir.}\n\n   {Tas rul!}\n{Kes}\n",
    "{Lom mir.}\r\n\r\n{Tas rul.}\r\n",
    "\n\n \n{Lom}\n\n\n",
    "- {Lom mir}\n- {Tas}\n  * {Rul kes.} {Sor!}\n1. {Lut}\n2) {Mok}\n> - {Lom}",
    "    {Lom mir}\n\t{Tas}\u2003\n> {Rul}\n>> {Kes}\n## {Sor}",
    "🎉 {Lom mir!} 😀😀\n{Tas} ✅",
    "```\nlom = mir\n```\n{Lom mir.}\n\n---\n***\n{Tas}",
    "| {Lom} | {Mir tas} |\n|---|---|\n| {Rul} | 12 |",
    "12\n2012-01-02\nhttps://example.org/lom?mir=tas\n{Lom}\n",
    "{Lom mir}\u2028{Tas}\x0b{Rul}\x85{Kes}\x0c",
]


@pytest.mark.parametrize("marked", MARKED)
def test_what_is_between_sentences_stays(learned, marked):
    """What is between braces is translated as it is alone, and all else is where it was."""
    parts = re.split(r"[{}]", marked)
    alone = [learned.translate(part, "xa", "yb", GREEDY).text for part in parts[1::2]]
    parts[1::2] = alone
    result = learned.translate(re.sub("[{}]", "", marked), "xa", "yb", GREEDY)
    assert result.text == "".join(parts)
    assert "" not in alone


def test_words_come_out_translated_in_all_of_this(learned):
    text = "- Lom mir tas.  Rul kes!\r\n\r\n  * Sor lut 2012.\n\tLOM MIR TAS!\n"
    expected = "- Dag fep bin.  Hud gop!\r\n\r\n  * Vat jep 2012.\n\tDAG FEP BIN!\n"
    assert learned.translate(text, "xa", "yb").text == expected
    assert learned.translate(expected, "yb", "xa").text == text


HOSTILE = [
    "",
    "\0",
    "a\0b c\x07d",
    "\ufffd\ufffd lom \ufffd",
    "中文 and 日本語, русский!",
    "e\u0301\u0301\u0301 Z̷̡a̸l̶g̵o̶ lom",
    "👩‍👩‍👧 lom 🇩🇪 mir 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "<unk> <eos> <pad> <yb> lom",
    "((((((((((lom))))))))))",
    "lom" * 300,
    "!" * 500 + "lom",
    "x " * 200,
    "…" * 60 + " lom " + "…" * 60,
    "a 12 b 34 c 56 d 78 e 90 f 11 g 22 h 33 i 44 j",
    "\u202emir lom\u202c \u200blom",
    "🄰🄱🄲 ½ ﬁ Ǆ İ ẞ lom",
    "\U0001d160\U0001d160 " * 12 + "lom",
]


@pytest.mark.parametrize("kind", ["byte-pair", "word", "character"])
@pytest.mark.parametrize("strategy", [Beam(2), GREEDY, Sampling(2.0, seed=3)], ids=["beam", "greedy", "draw"])
def test_whatever_comes_in_nothing_unreadable_comes_out(kind, strategy):
    translator = untrained(kind, characters="".join(map(chr, range(32, 127))))
    results = translator.translate(HOSTILE, "xa", "yb", strategy)
    for source, result in zip(HOSTILE, results, strict=True):
        assert not set(PLACEHOLDERS) & set("".join([result.text, *result.tokens]))
        assert "<unk>" not in result.text or "<unk>" in source
        assert result.text.count("\ufffd") == source.count("\ufffd")  # carried over
        # Not one, where the model has written nothing but bytes that are no characters.
        assert len(result.text.splitlines()) <= len(source.splitlines())
        assert len(result.tokens) == len(result.log_probabilities)
        result.text.encode()


def test_random_lines_stay_as_many_lines():
    translator, numbers = untrained(characters="lom "), random.Random(1)
    signs = [
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "- ",
        "lom",
        "Mir",
        ". ",
        "! ",
        "\u2028",
        "\x0c",
        "7 ",
        "<",
        "é",
        "\0",
    ]
    for _ in range(12):
        text = "".join(numbers.choice(signs) for _ in range(20))
        ends = re.findall(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)
        result = translator.translate(text, "xa", "yb", GREEDY).text
        assert re.findall(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", result) == ends


@pytest.mark.parametrize("strategy", [Beam(3), GREEDY, Sampling(seed=5)], ids=["beam", "greedy", "draw"])
@pytest.mark.parametrize("seed", range(2))
def test_what_the_model_cannot_know_is_there_once_whatever_the_model_writes(seed, strategy):
    items = ["https://example.org/a?b=c", "post@example.org", "2012", "😀", "漢字", "C:\\x.txt", "10:30", "①"]
    items += ["20%", "@lom", "v1.2", "#tas"]  # more than there are placeholders
    text = f"Lom {' lom '.join(items)} mir. Tas {items[0]}!"
    translator = untrained(seed=seed, maximum_length=120, characters="LlommirTtas .!")
    written = translator.translate(text, "xa", "yb", strategy).text
    assert [written.count(item) for item in items] == [2, *[1] * 11]


def test_capitals_throughout(learned):
    quiet, loud = learned.translate(["Lom mir 😀 tas!", "LOM MIR 😀 TAS!"], "xa", "yb", Beam(2, count=2))
    assert loud.text == quiet.text.upper() == "DAG FEP 😀 BIN!"
    assert all(each.text.isupper() for each in loud.alternatives)


@pytest.fixture
def looping():
    """A translator that writes a word again and again if it is let, and another nearly as soon."""
    translator = untrained(kind="word")
    with torch.no_grad():
        for word, bias in ((" fep", 6.0), ("<eos>", 4.5), (" hud", 3.0), (" bin", 2.5)):
            (place,) = (id_ for id_ in range(len(translator.tokenizer)) if _piece(translator, id_) == word)
            translator.decoder.bias[place] = bias
        translator.decoder.embedding.weight *= 0.01
    return translator


def _piece(translator, id_):
    return translator.tokenizer.pieces([id_])[0]


@pytest.mark.parametrize("strategy", [GREEDY, Beam(1), Beam(4), Beam(3, count=3)])
def test_a_loop_is_detected_and_another_translation_chosen(looping, strategy):
    strategy = replace(strategy, length_penalty=1.0) if isinstance(strategy, Beam) else strategy
    (raw,) = looping.translate_sentences(["Lom mir."], "yb", GREEDY, items=[0])
    assert is_loop(raw.tokens)
    result = looping.translate("Lom mir.", "xa", "yb", strategy)
    assert result.text
    assert not is_loop(result.tokens)
    assert len(result.alternatives) == strategy.count - 1
    assert not any(is_loop(each.tokens) for each in result.alternatives)


def test_what_goes_round_in_circles_itself_may_be_translated_so(looping):
    source = "Lom lom lom lom lom."
    (raw,) = looping.translate_sentences([source], "yb", GREEDY, items=[0])
    assert looping.translate(source, "xa", "yb", GREEDY).text == raw.text.strip()


def test_samples_are_left_as_they_were_drawn(looping):
    (raw,) = looping.translate_sentences(["Lom mir."], "yb", Sampling(0.01), items=[0])
    assert is_loop(raw.tokens)
    assert looping.translate("Lom mir.", "xa", "yb", Sampling(0.01)).tokens == raw.tokens


@pytest.mark.parametrize(
    "sentence",
    [
        "Lom mir tas rul, kes sor lut mok; " * 12,
        "Lom mir tas rul " * 20 + ".",
        "lom,mir;" * 80,
        "漢字" * 100 + " lom",
        "a 12 b 34 c 56 d 78 e 90 f 11 g 22 h 33 i 44 j 55 k 66 l",
        "Lom… mir… " * 30,
        "L" * 100,
    ],
)
@pytest.mark.parametrize("maximum_length", [24, 40, 200])
def test_long_sentences_are_cut_and_nothing_is_left_out(sentence, maximum_length):
    translator = untrained(maximum_length=maximum_length)
    ((_, pieces),) = split_texts(translator, "xa", "yb", [sentence], [0])
    sentences = [piece.prepared for piece in pieces if isinstance(piece, Sentence)]
    assert len(sentences) > 1
    for ids in translator.source_ids([each.text for each in sentences]):
        assert len(ids) <= min(81, maximum_length)
    joined = "".join(
        piece.prepared.finish(piece.prepared.text) if isinstance(piece, Sentence) else piece
        for piece in pieces
    )
    assert joined == sentence.replace("…", "...")
    assert translator.translate(sentence, "xa", "yb", GREEDY).text


def test_what_is_carried_over_is_not_cut(learned):
    address = "https://example.org/" + "lom/mir?" * 60
    assert address[:-1] in learned.translate(f"Lom {address} mir.", "xa", "yb", GREEDY).text


def test_long_sentences_are_cut_at_punctuation(learned):
    half = "Lom mir tas rul kes sor lut mok lom mir tas rul kes sor lut mok lom mir tas rul kes"
    whole = f"{half}; {half}, {half}, {half}."
    ((_, pieces),) = split_texts(learned, "xa", "yb", [whole], [0])
    ends = [piece.prepared.text[-1] for piece in pieces if isinstance(piece, Sentence)]
    assert {";", ",", "."} <= set(ends)
    assert [piece for piece in pieces if isinstance(piece, str)] == [" "] * (len(ends) - 1)


def test_alternatives_of_a_text_are_made_of_those_of_its_sentences(learned):
    strategy = Beam(4, count=3)
    sentences = ["Lom mir tas.", "Rul kes!"]
    first, second = learned.translate(sentences, "xa", "yb", strategy)
    whole = learned.translate("\n".join(["12", *sentences]), "xa", "yb", strategy)
    assert whole.text == f"12\n{first.text}\n{second.text}"
    assert whole.score == pytest.approx(first.score + second.score)
    assert whole.tokens == first.tokens + second.tokens
    assert [each.text for each in whole.alternatives] == [
        f"12\n{one.text}\n{other.text}"
        for one, other in zip(first.alternatives, second.alternatives, strict=True)
    ]
    assert [each.score for each in whole.alternatives] == [
        pytest.approx(one.score + other.score)
        for one, other in zip(first.alternatives, second.alternatives, strict=True)
    ]


def test_a_prefix_begins_a_text_and_none_of_its_other_sentences(learned):
    text = " - Lom mir. Tas rul!\n\nLom mir."
    free = learned.translate(text, "xa", "yb", GREEDY).text
    bound = learned.translate([text, "", "Kes."], "xa", "yb", GREEDY, Constraints(prefix="Vat "))
    assert bound[0].text.startswith(" - Vat ")
    assert bound[0].text[bound[0].text.index("\n") :] == free[free.index("\n") :]
    assert bound[0].text.count("Vat") == 1
    assert bound[1] == Result("")
    assert bound[2].text.startswith("Vat ")


@pytest.mark.parametrize("prefix", ["Wib 2012", "Wib 2012 ", "Wib 2012 jep"])
def test_what_is_carried_over_into_the_prefix_does_not_come_twice(learned, prefix):
    text = learned.translate("Mok 2012 lut.", "xa", "yb", GREEDY, Constraints(prefix=prefix)).text
    assert text.startswith(prefix.strip())
    assert text.count("2012") == 1


TEXTS = [
    "Lom mir tas. Rul 12 kes!\nSor",
    "",
    "Mok.",
    "LOM MIR!",
    "Lom 😀 lom lom lom lom",
    "2012",
    "Kes sor: lut, mok",
]


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("strategy", [Beam(3, count=2), GREEDY, Sampling(seed=3, count=2)])
def test_results_do_not_depend_on_company_and_order(learned, trained, strategy):
    translator = learned if trained else untrained()
    together = translator.translate(TEXTS, "xa", "yb", strategy)
    order = list(range(len(TEXTS)))
    random.Random(1).shuffle(order)
    shuffled = translator.translate([TEXTS[place] for place in order], "xa", "yb", strategy, items=order)
    for place, again in zip(order, shuffled, strict=True):
        (alone,) = translator.translate([TEXTS[place]], "xa", "yb", strategy, items=[place])
        for other in (again, alone):
            assert (other.text, other.tokens) == (together[place].text, together[place].tokens)
            assert other.score == pytest.approx(together[place].score, abs=1e-3)
            assert [each.text for each in other.alternatives] == [
                each.text for each in together[place].alternatives
            ]


def test_samples_of_the_same_sentence_differ_within_a_text(learned):
    lines = learned.translate("Lom mir tas.\n" * 8, "xa", "yb", Sampling(4.0, seed=1)).text.splitlines()
    assert len(set(lines)) > 4


def test_the_language_is_found_out_if_asked_for(learned):
    texts = ["Lom mir tas rul.", "Dag fep bin hud.", "12 - 13", ""]
    results = learned.translate(texts, "auto", "yb", GREEDY)
    assert [each.language for each in results] == ["xa", "yb", "", ""]
    assert results[0].text == learned.translate(texts[0], "xa", "yb", GREEDY).text
    assert results[1:] == [Result(texts[1], language="yb"), Result(texts[2]), Result(texts[3])]
    assert learned.translate(texts[0], "xa", "yb", GREEDY).language == ""


def test_a_language_that_was_named_is_believed(learned):
    """A text in the target language is left alone only if that was found out."""
    config = replace(learned.config, directions=(*learned.config.directions, "yb-yb"))
    both = Translator(config, learned.tokenizer).eval()
    both.load_state_dict(learned.state_dict())
    assert both.translate("Dag fep bin hud.", "yb", "yb", GREEDY).tokens
    assert not both.translate("Dag fep bin hud.", "auto", "yb", GREEDY).tokens


@pytest.mark.parametrize("strategy", [Beam(2), Sampling(2.0, seed=7)])
def test_an_iterator_is_read_some_at_a_time(learned, monkeypatch, strategy):
    monkeypatch.setattr(texts_module, "WINDOW", 4)
    words, pulled = ["Lom.", "Mir tas.", "Kes!"] * 5, []

    def texts():
        for text in words:
            pulled.append(text)
            yield text

    results = learned.translate(texts(), "xa", "yb", strategy)
    assert len(pulled) == 0
    found = [next(results)]
    assert len(pulled) == 4
    found += [next(results) for _ in range(3)]
    assert len(pulled) == 4
    found += results
    assert len(pulled) == 15
    assert [each.text for each in found] == [
        each.text for each in learned.translate(words, "xa", "yb", strategy)
    ]


def test_an_iterator_without_an_end(learned):
    results = learned.translate(iter(lambda: "Lom.", None), "xa", "yb", GREEDY)
    assert next(results).text == next(results).text == "Dag."
    assert list(learned.translate(iter([]), "xa", "yb")) == []


def test_several_threads_share_a_translator(learned):
    def work(number):
        strategy = [Beam(3), GREEDY, Sampling(seed=1), Beam(2, count=2)][number % 4]
        return learned.translate(TEXTS, "auto" if number % 3 else "xa", "yb", strategy)

    alone = [work(number) for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(8))) == alone

    async def gather():
        return await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(4)))

    assert asyncio.run(gather()) == alone[:4]


def test_what_is_no_valid_unicode(learned):
    with pytest.raises(InputError, match="text must be UTF-8"):
        learned.translate("Lom \ud800 mir", "xa", "yb")


@pytest.fixture
def hinted(learned):
    """The translator of which it is on record that it reads hints."""
    translator = copy(learned)
    translator.dictionary = Dictionary({"xa-yb": {"mir": "fep", "qwertz": "uiop", "zorp": "Zorp"}})
    return translator


def test_rare_words_are_read_with_hints(hinted):
    ((_, pieces),) = split_texts(hinted, "xa", "yb", ["Lom mir.  MIR LOM!\nSor"], [0])
    read = [piece.prepared.text for piece in pieces if isinstance(piece, Sentence)]
    assert [text.lower() for text in read] == ["lom mir{ fep}.", "mir{ fep} lom!", "sor"]
    ((_, pieces),) = split_texts(hinted, "yb", "xa", ["Dag mir."], [0])
    assert pieces[0].prepared.text.lower() == "dag mir."


def test_a_word_that_has_a_translation_is_no_unknown_name(hinted):
    ((_, (piece,)),) = split_texts(hinted, "xa", "yb", ["Lom Qwertz Zorp Asdf tas."], [0])
    assert piece.prepared.text.lower() == "lom qwertz{ uiop} ① tas."
    assert piece.prepared.carried == ("Zorp Asdf",)


def test_a_rare_name_that_stays_is_carried_over_although_it_is_known(learned):
    own = copy(learned)
    own.dictionary = Dictionary({"xa-yb": {"sor": "Sor", "mir": "mir"}})
    ((_, (piece,)),) = split_texts(own, "xa", "yb", ["Lom Sor tas sor mir Mir."], [0])
    assert piece.prepared.carried == ("Sor",)
    assert piece.prepared.text.lower() == "lom ① tas sor{ sor} mir{ mir} mir{ mir}."


def test_braces_that_are_no_hints_are_carried_over(hinted):
    ((_, (piece,)),) = split_texts(hinted, "xa", "yb", ["Lom { dag} mir{ tas}."], [0])
    assert set(piece.prepared.carried) == {"{", "}"}
    assert re.findall(r"\{[^}]*\}?|\}", piece.prepared.text) == ["{ fep}"]
    # It has not learned to read them, and does not write them.
    assert hinted.translate("Lom { tas }.", "xa", "yb").text == "Dag { bin }."


def test_a_glossary_is_followed_always(learned):
    """Whether a term is known, a name, several words, in capitals, or alone in its sentence."""
    own = copy(learned)
    own.glossary = Glossary({"Lom": "Xyz", "peter": "Pjotr", "qwertz uiop": "a zorp"})
    expected = {
        "Mir lom tas.": "Fep Xyz bin.",
        "Peter tas qwertz  Uiop!": "Pjotr bin a zorp!",
        "MIR MIR LOM.": "FEP FEP Xyz.",
        "Lom": "Xyz",
        "lom.org": "lom.org",
        "Mir Lom Peter.": "Fep Xyz Pjotr.",
        "```\nlom\n```": "```\nlom\n```",
    }
    results = [each.text for each in own.translate(list(expected), "xa", "yb", GREEDY)]
    assert results == list(expected.values())
    assert "".join(own.stream("Mir lom tas.", "xa", "yb")) == "Fep Xyz bin."
    assert learned.translate("Mir lom tas.", "xa", "yb", GREEDY).text == "Fep dag bin."


def test_a_glossary_is_followed_as_often_as_its_terms_come(learned):
    own = copy(learned)
    own.glossary = Glossary({"lom": "Xyz"})
    assert own.translate("Mir lom tas. " + "lom mir " * 20, "xa", "yb", GREEDY).text.count("Xyz") == 21
