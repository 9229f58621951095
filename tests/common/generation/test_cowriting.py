import math
from collections import Counter

import pytest
import torch

from common.constraints import Constraints
from common.decoder import DecoderConfig
from common.generation.cowriting import Partner, Wish, joined, sentence, understand
from common.generation.model import LanguageModel, LanguageModelConfig
from common.sampling import Sampling
from common.tokenizer import Tokenizer


@pytest.mark.parametrize(
    ("line", "wish"),
    [
        ("", Wish("go on")),
        ("  ", Wish("go on")),
        ("1", Wish("take", "1")),
        ("04 ", Wish("take", "4")),
        ("5", Wish("wrong", "there are offers 1 to 4; to write a number, type a space before it")),
        ("0", Wish("wrong", "there are offers 1 to 4; to write a number, type a space before it")),
        (" 5", Wish("add", " 5")),
        ("5 men", Wish("add", "5 men")),
        ("and so", Wish("add", "and so")),
        (r"ROMEO:\nI", Wish("add", "ROMEO:\nI")),
        ("/undo", Wish("undo")),
        ("/other ", Wish("other")),
        ("/help", Wish("help")),
        ("/quit", Wish("quit")),
        ("/save my story.txt", Wish("save", "my story.txt")),
        ("/save", Wish("wrong", "/save needs the name of a file, such as /save story.txt")),
        ("/jump", Wish("wrong", "there is no /jump; /help says what there is")),
        (" /jump", Wish("add", " /jump")),
    ],
)
def test_what_a_line_means(line, wish):
    assert understand(line, 4) == wish


def test_without_offers_there_is_none_to_take():
    assert understand("1", 0) == Wish(
        "wrong", "there are no offers; to write a number, type a space before it"
    )


@pytest.mark.parametrize(
    ("text", "typed", "added"),
    [
        ("", "I", "I"),
        ("The king", "came", " came"),
        ("The king ", "came", "came"),
        ("The king", " came", " came"),
        ("The king", ", who", ", who"),
        ("The king.", "He", " He"),
        ("ROMEO:\n", "I", "I"),
        ("ROMEO:", "\nI", "\nI"),
        ("He said", "“no", " “no"),
        ("“no", "” and", "” and"),
    ],
)
def test_what_is_typed_gets_its_space(text, typed, added):
    assert joined(text, typed) == added


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He came. He saw.", "He came."),
        ("He paid 3.50 for it! And", "He paid 3.50 for it!"),
        (". He came. He saw", ". He came."),
        ("“Who?” he said. Then", "“Who?”"),
        ("What?!\nNo", "What?!"),
        ("without an end", "without an end"),
        ("at the end.", "at the end."),
        ("", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_sentence_ends_where_it_ends(text, expected, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(sentence(pieces)) == expected


TEXT = "the cat sees a dog. my owl likes the mice and a bone.\nwho goes there? no, nobody\n"


@pytest.fixture(scope="module", params=["character", "word", "byte-pair"])
def model(request):
    torch.manual_seed(2)
    size = 320 if request.param == "byte-pair" else None
    tokenizer = Tokenizer.train(request.param, [TEXT], vocabulary_size=size)
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=16, layers=1)
    model = LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()
    # It favours what text is made of.
    with torch.no_grad():
        for id_, count in Counter(tokenizer.encode(TEXT)).items():
            model.decoder.bias[id_] = 3 + math.log(count)
    return model


def log_probability(model, text, added):
    """Of what is added to a text, as the model reads both together."""
    ids = [Tokenizer.BOS, *model.tokenizer.encode(text + added)]
    start = len(model.tokenizer.encode(text))
    with torch.no_grad():
        logits, _ = model.decoder(torch.tensor([ids[:-1]]), model.decoder.start_empty(1))
    return sum(
        float(logits[0, place].log_softmax(-1)[ids[place + 1]]) for place in range(start, len(ids) - 1)
    )


def test_offers_are_distinct_and_ranked(model):
    partner = Partner(model, Sampling(0.9, seed=1), Constraints())
    draft = model.read("the cat sees")
    offers = partner.offers(draft, 5)
    assert len(offers) == 5
    words = [offer.text.split()[0].casefold() for offer in offers]
    assert len(set(words)) == 5
    chances = [offer.probability for offer in offers]
    assert chances == sorted(chances, reverse=True)
    assert all(1 <= len(offer.text.split()) <= 3 for offer in offers)
    assert offers == partner.offers(draft, 5) != partner.offers(draft, 5, again=1)


def test_the_probability_is_that_of_the_first_word():
    torch.manual_seed(2)
    tokenizer = Tokenizer.train("character", ["abc d "])
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=16, layers=1)
    model = LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()
    for offer in Partner(model, Sampling(0.7), Constraints()).offers(model.read("ab "), 4):
        word = offer.text[: len(offer.text) - len(offer.text.lstrip())] + offer.text.split()[0]
        expected = torch.tensor(log_probability(model, "ab ", word + " ")).exp()
        assert offer.probability == pytest.approx(float(expected), rel=1e-3)


def test_constraints_hold_for_offers_and_sentences(model):
    partner = Partner(model, Sampling(1.0), Constraints(ban=("the", "dog"), min_length=0), length=60)
    draft = model.read("my ")
    written = ["".join(partner.sentence(draft)), *(offer.text for offer in partner.offers(draft, 8))]
    assert not any({"the", "dog"} & set(text.replace(".", " ").split()) for text in written)


def test_a_sentence_depends_on_place_seed_and_limits(model):
    def write(text="my owl", **settings):
        partner = Partner(model, Sampling(1.2, seed=settings.pop("seed", 0)), Constraints(), **settings)
        return "".join(partner.sentence(model.read(text)))

    assert write() == write() != write(seed=5)
    # The same state of mind, other random numbers.
    assert len({write(text) for text in ("a bone", "a bone a", "a bone a bone")}) > 1
    short = write(length=2)
    assert short
    assert write().startswith(short)
    assert "e" not in write(stop=("e",))
