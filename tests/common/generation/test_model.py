import math
from random import Random

import pytest
import torch

from common.decoder import DecoderConfig
from common.generation.batches import TextBatch, TextBatches
from common.generation.model import LanguageModel, LanguageModelConfig
from common.generation.surprisal import evaluate_text
from common.recurrence import CELLS
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer

# A sentence is chosen word by word, each word from these with these probabilities.
WORDS = (
    {"the cat": 0.5, "a dog": 0.3, "my owl": 0.2},
    {" sees": 0.6, " likes": 0.4},
    {" the fish. ": 0.5, " a bone. ": 0.3, " mice. ": 0.2},
)


def sentences(count, seed):
    random = Random(seed)
    return "".join(
        random.choices(list(choice), list(choice.values()))[0] for _ in range(count) for choice in WORDS
    )


def model_of(text, kind="character", **shape):
    torch.manual_seed(1)
    tokenizer = Tokenizer.train(kind, [text], vocabulary_size=300 if kind == "byte-pair" else None)
    decoder = DecoderConfig(len(tokenizer), **({"embedding_size": 8, "hidden_size": 16, "layers": 2} | shape))
    return LanguageModel(LanguageModelConfig(decoder), tokenizer).eval()


@pytest.fixture(scope="module")
def model():
    return model_of(sentences(50, seed=1))


def log_probability(model, ids):
    """Of ids after a beginning token, from one call for the whole of them."""
    if not ids:
        return 0.0
    tokens = torch.tensor([[Tokenizer.BOS, *ids]])
    with torch.no_grad():
        logits, _ = model.decoder(tokens[:, :-1], model.decoder.start_empty(1))
    return float(logits.log_softmax(-1).gather(-1, tokens[:, 1:, None]).sum())


def test_measure_is_the_log_probability_of_the_whole_text(model):
    text = sentences(20, seed=2)
    score = model.measure(text)
    assert score.nats == pytest.approx(-log_probability(model, model.tokenizer.encode(text)), rel=1e-5)
    assert (score.tokens, score.characters) == (len(text), len(text))
    assert score.nats_per_character == pytest.approx(score.nats / len(text))


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_measure_carries_the_state_from_chunk_to_chunk(model, chunk):
    text = sentences(4, seed=2)
    assert model.measure(text, chunk=chunk).nats == pytest.approx(model.measure(text).nats, rel=1e-5)


def test_streams_are_parts_measured_alone(model):
    text = sentences(4, seed=2)[:50]
    parts = [model.measure(text[start : start + 17]) for start in (0, 17, 34)]  # 17, 17 and 16 characters
    whole = model.measure(text, streams=3, chunk=5)
    assert whole.nats == pytest.approx(sum(part.nats for part in parts), rel=1e-5)
    assert whole.tokens == 50


def test_more_streams_than_characters(model):
    assert model.measure("cat", streams=16).nats == pytest.approx(
        sum(model.measure(letter).nats for letter in "cat"), rel=1e-5
    )


def test_a_word_model_counts_characters_words_and_what_it_does_not_know():
    model = model_of("one two three two one", "word")
    score = model.measure("one two")
    assert (score.tokens, score.characters, score.words, score.unknown) == (2, 7, 2, 0)
    assert score.nats_per_character == pytest.approx(score.nats / 7)
    score = model.measure("one four,\n two four")
    # one | four | , | newline | two | four
    assert (score.tokens, score.characters, score.words, score.unknown) == (6, 19, 4, 4)
    assert score.unknown_characters == len("four,\nfour") + 2  # with the spaces before them
    text = "one four,\n two four"
    assert score.nats_per_character == pytest.approx(
        (score.nats + score.unknown_characters * math.log(96)) / 19
    )
    parts, _ = evaluate_text(model, [(1, text)])
    assert parts.nats_per_character == pytest.approx(score.nats_per_character)


@pytest.mark.parametrize("cell", CELLS)
def test_carried_from_batch_to_batch_is_one_text(cell):
    """Three streams of 8 tokens, in one window or in four: dropout aside, they lose the same."""
    model = model_of(sentences(50, seed=1), cell=cell)
    ids = torch.tensor(model.tokenizer.encode(sentences(4, seed=2))[:24])
    (whole,) = TextBatches(ids, window=8, streams=3)
    expected = model.loss(whole).nats
    batches = TextBatches(ids, window=2, streams=3)
    for _ in range(2):  # the second epoch starts anew
        assert sum(model.loss(batch).nats for batch in batches) == pytest.approx(expected, rel=1e-5)
    alone = sum(model.loss(TextBatch(batch.tokens, continues=False)).nats for batch in batches)
    assert alone != pytest.approx(expected, rel=1e-3)


def test_no_gradient_goes_back_into_the_batch_before():
    model = model_of(sentences(50, seed=1)).train()
    first, second = TextBatches(torch.arange(4, 12), window=4, streams=1)
    model.loss(first).objective.backward()
    model.loss(second).objective.backward()  # would fail if it went into the first, which is gone
    assert not model.carried.requires_grad


def test_a_batch_of_another_size_starts_from_nothing():
    model = model_of(sentences(50, seed=1))
    batch = TextBatch(torch.randint(4, 10, (2, 6)), continues=True)
    expected = model.loss(batch).nats
    model.loss(TextBatch(torch.randint(4, 10, (3, 6)), continues=False))
    assert model.loss(batch).nats == expected
    assert model.loss(batch).nats != expected


def test_what_is_carried_is_not_saved(tmp_path):
    model = model_of(sentences(50, seed=1))
    model.loss(TextBatch(torch.randint(4, 10, (2, 6)), continues=False))
    model.save(tmp_path / "model")
    assert LanguageModel.load(tmp_path / "model", device="cpu").carried is None


def test_an_empty_text_cannot_be_measured(model):
    with pytest.raises(ValueError, match="text must not be empty"):
        model.measure("")


def test_the_loss_is_what_measure_finds(model):
    text = sentences(2, seed=3)[:30]
    ids = model.tokenizer.encode(text)
    tokens = torch.tensor([[Tokenizer.BOS, *ids], [Tokenizer.BOS, *ids]])
    loss = model.loss(TextBatch(tokens, continues=False))
    assert loss.nats == pytest.approx(2 * model.measure(text).nats, rel=1e-5)
    assert loss.tokens == 60
    assert float(loss.objective.detach()) == pytest.approx(loss.nats / 60, rel=1e-5)


@pytest.mark.parametrize("strategy", [GREEDY, Sampling(seed=3), Beam(3)])
@pytest.mark.parametrize("prompt", ["", "the cat"])
def test_generate_continues_the_prompt(model, strategy, prompt):
    result = model.generate(prompt, 12, strategy)
    assert result.text == prompt + "".join(result.tokens)
    assert len(result.tokens) == len(result.log_probabilities) == 12
    ids = model.tokenizer.encode(prompt)
    added = model.tokenizer.encode("".join(result.tokens))
    expected = log_probability(model, ids + added) - log_probability(model, ids)
    assert result.score == pytest.approx(expected, abs=1e-3)
    assert result.score == pytest.approx(sum(result.log_probabilities))


def test_several_samples(model):
    result = model.generate("a dog", 20, Sampling(count=3, seed=1))
    texts = [each.text for each in (result, *result.alternatives)]
    assert len(set(texts)) == 3
    assert all(text.startswith("a dog") for text in texts)
    assert texts[0] == model.generate("a dog", 20, Sampling(seed=1)).text


def test_what_the_model_does_not_know_stays_in_the_text_and_is_not_read(model):
    known, unknown = model.generate("the cat", 15, GREEDY), model.generate("the ¿cat", 15, GREEDY)
    assert unknown.text == "the ¿cat" + known.text.removeprefix("the cat")
    assert unknown.log_probabilities == known.log_probabilities


@pytest.mark.parametrize("kind", ["character", "word", "byte-pair"])
@pytest.mark.parametrize("prompt", ["", "the cat", "the cat sees", "the cat "])
def test_words_keep_their_spaces(kind, prompt):
    """Whether a space stands before the first word depends on the prompt."""
    model = model_of(sentences(50, seed=1), kind)
    result = model.generate(prompt, 12, Sampling(seed=1))
    joined = "".join(result.tokens)
    if kind == "byte-pair":
        if "<0x" in joined:  # half a character, of which the text shows what there is
            joined = joined[: joined.index("<0x")]
        joined = joined if prompt else joined.removeprefix(" ")
    assert result.text.startswith(prompt + joined)


def test_special_tokens_are_never_generated():
    model = model_of("abc")
    with torch.no_grad():
        model.decoder.bias[:4] = 100.0
    result = model.generate("a", 50, Sampling(temperature=2.0))
    assert set(result.tokens) <= set("abc")
    assert result.score < -50 * 90  # that they were unlikely shows that the others were what is forbidden


@pytest.mark.parametrize(("storage", "nats"), [("float32", 0.0), ("bfloat16", 0.02), ("int8", 0.02)])
def test_saved_and_loaded(model, tmp_path, storage, nats):
    model.save(tmp_path / "model", storage)
    again = LanguageModel.load(tmp_path / "model", device="cpu")
    text = sentences(5, seed=5)
    assert again.measure(text).nats_per_character == pytest.approx(
        model.measure(text).nats_per_character, abs=nats, rel=0
    )
    if storage == "float32":
        again.decoder.fast = None
        assert again.generate("my", 50, Sampling(seed=2)) == model.generate("my", 50, Sampling(seed=2))
