import pytest
import torch

from common.constraints import Constraints
from common.errors import InputError
from common.sampling import GREEDY, Sampling
from translation.model import Translator
from translation.placeholders import PLACEHOLDERS

TEXTS = [
    "Lom mir tas.",
    "Lom mir tas.  Rul 2012 kes!\r\n\r\n- sor 😀 lut\n",
    "LOM MIR 2012 TAS!",
    "2012 - 2013",
    "",
    " \n",
    "Mok \ufeff漢字 mok (https://example.org) 10:30 lom",
]


@pytest.mark.parametrize("text", TEXTS)
def test_joined_pieces_are_the_greedy_translation(learned, text):
    pieces = list(learned.stream(text, "xa", "yb"))
    assert "".join(pieces) == learned.translate(text, "xa", "yb", GREEDY).text
    assert "" not in pieces


@pytest.mark.parametrize("seed", range(25))
def test_joined_pieces_are_the_first_sample(learned, seed):
    """This hot, a model writes bytes that are no characters, and placeholders anywhere."""
    text, sampling = "Lom 2012 mir 😀 tas. RUL KES 10:30 MOK!", Sampling(5.0, seed=seed)
    joined = "".join(learned.stream(text, "xa", "yb", sampling))
    assert joined == learned.translate(text, "xa", "yb", sampling).text
    assert not set(joined) & {*PLACEHOLDERS, "\ufffd"}
    assert [joined.count(item) for item in ("2012", "😀", "10:30")] == [1, 1, 1]


def test_pieces_come_before_the_end(learned):
    steps = []
    hook = learned.decoder.bottleneck.register_forward_hook(lambda *_: steps.append(1))
    try:
        pieces = learned.stream("Lom mir tas rul kes.\nSor lut mok.", "xa", "yb")
        assert steps == []
        assert next(pieces) == "Dag"
        begun = len(steps)
        rest = list(pieces)
    finally:
        hook.remove()
    assert begun <= 3
    assert len(steps) > 10
    assert len(rest) > 6


def test_between_two_pieces_the_thread_is_as_it_was(learned):
    pieces = learned.stream("Lom mir tas.", "xa", "yb")
    next(pieces)
    assert not torch.is_inference_mode_enabled()
    pieces.close()
    assert not torch.is_inference_mode_enabled()


def test_two_streams_at_once(learned):
    texts = ["Lom mir tas rul.", "Mok lut sor kes!"]
    streams = [learned.stream(text, "xa", "yb") for text in texts]
    written = ["", ""]
    for pieces in zip(*streams, strict=False):
        written = [before + piece for before, piece in zip(written, pieces, strict=True)]
    written = [before + "".join(rest) for before, rest in zip(written, streams, strict=True)]
    assert written == [learned.translate(text, "xa", "yb", GREEDY).text for text in texts]


def test_the_language_may_be_found_out(learned):
    text = "Lom mir tas rul."
    assert "".join(learned.stream(text, "auto", "yb")) == "Dag fep bin hud."
    assert list(learned.stream(text, "auto", "xa")) == [text]


def test_a_prefix_and_a_ban(learned):
    constraints = Constraints(prefix="Vat", ban=("fep",))
    written = "".join(learned.stream("Lom mir. Tas.", "xa", "yb", constraints=constraints))
    assert written.startswith("Vat")
    assert "fep" not in written.lower()
    assert written.count("Vat") == 1


def test_a_character_of_several_tokens_comes_whole(learned):
    """A copy of the translator that can write nothing but the two bytes of "é" and the end."""
    translator = Translator(learned.config, learned.tokenizer).eval()
    translator.load_state_dict(learned.state_dict())
    first, second = (
        next(id_ for id_ in range(len(learned.tokenizer)) if learned.tokenizer.pieces([id_]) == [piece])
        for piece in ("<0xC3>", "<0xA9>")
    )
    with torch.no_grad():
        translator.decoder.bias[first] = translator.decoder.bias[second] = 200.0
    constraints = Constraints(no_repeat_ngram=3, max_length=6)
    pieces = list(translator.stream("Lom.", "xa", "yb", Sampling(1.0, seed=3), constraints))
    assert set("".join(pieces)) == {"é"}


def test_a_wrong_direction_is_refused_before_the_first_piece(learned):
    with pytest.raises(InputError, match="does not translate from xa to xa"):
        learned.stream("Lom.", "xa", "xa")
