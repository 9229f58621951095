from dataclasses import replace

import pytest
import torch

from common.constraints import Constraints
from common.decoder import DecoderConfig
from common.errors import InputError
from common.result import Result
from common.sampling import GREEDY, Sampling
from common.search import Beam
from common.tokenizer import Tokenizer
from translation.dictionary import Dictionary
from translation.encoder import EncoderConfig
from translation.model import Translator
from translation.reading import read_translations
from translation.records import TranslationBatch, TranslatorConfig

SENTENCES = ["Ein Hund.", "Zwei Katzen schlafen auf dem alten Sofa.", "Ja!", "Der Hund läuft.", "Wo ist er?"]


def translator_of(*, attention=True, cell="lstm", kind="byte-pair"):
    torch.manual_seed(1)
    tokenizer = Tokenizer.train(kind, SENTENCES, vocabulary_size=290, special_tokens=["<de>", "<en>", "<fr>"])
    config = TranslatorConfig(
        EncoderConfig(16, 12, 2, cell),
        DecoderConfig(len(tokenizer), 16, 20, 2, cell, summary_size=24, memory_size=24 * attention, heads=2),
        ("de-en", "en-de", "fr-en"),
        maximum_length=40,
    )
    translator = Translator(config, tokenizer).eval()
    with torch.no_grad():
        translator.decoder.embedding.weight *= 3  # so that an untrained model has something to say
    return translator


@pytest.fixture(scope="module", params=[True, False], ids=["attention", "plain"])
def translator(request):
    return translator_of(attention=request.param)


@pytest.mark.parametrize("strategy", [Beam(4), GREEDY, Sampling(seed=4), Beam(3, count=3), Sampling(count=2)])
def test_a_batch_is_each_alone(translator, strategy):
    together = translator.translate(SENTENCES, "de", "en", strategy)
    for number, (sentence, expected) in enumerate(zip(SENTENCES, together, strict=True)):
        (alone,) = translator.translate([sentence], "de", "en", strategy, items=[number])
        assert alone.text == expected.text
        assert alone.score == pytest.approx(expected.score, abs=1e-3)
        assert [each.text for each in alone.alternatives] == [each.text for each in expected.alternatives]
        assert len(alone.alternatives) == strategy.count - 1


def test_one_sentence_gives_one_result(translator):
    assert translator.translate(SENTENCES[1], "de", "en").text == (
        translator.translate(SENTENCES, "de", "en")[1].text
    )


def test_samples_depend_on_the_number_of_the_sentence(translator):
    first, second = translator.translate([SENTENCES[1]] * 2, "de", "en", Sampling(seed=1))
    assert first.text != second.text
    (again,) = translator.translate([SENTENCES[1]], "de", "en", Sampling(seed=1), items=[1])
    assert again.text == second.text


@pytest.mark.parametrize("blank", ["", " ", "\t \u2003", "\r\n\r\n", " " * 1000])
def test_blank_texts_stay_as_they_are_and_in_place(translator, blank):
    results = translator.translate([blank, SENTENCES[0], blank], "de", "en", Beam(2))
    assert results[0] == results[2] == Result(blank)
    assert results[1].text == translator.translate(SENTENCES[0], "de", "en", Beam(2)).text != ""


def test_no_sentences(translator):
    assert translator.translate([], "de", "en") == []


@pytest.mark.parametrize("strategy", [Sampling(seed=2), Beam(3), GREEDY])
def test_the_score_is_the_log_probability_under_the_model(strategy):
    translator = translator_of(kind="character")
    (result,) = translator.translate_sentences([SENTENCES[3]], "en", strategy, items=[0])
    assert result.text
    ids = translator.tokenizer.encode(result.text) + [Tokenizer.EOS] * (result.tokens[-1] == "<eos>")
    (source,) = translator.source_ids([SENTENCES[3]])
    target = torch.tensor([[translator.tokenizer.special("<en>"), *ids]])
    batch = TranslationBatch(torch.tensor([source]), torch.tensor([len(source)]), torch.tensor([0]), target)
    with torch.no_grad():
        loss = translator.loss(batch)
    assert result.score == pytest.approx(-loss.nats, abs=1e-3)
    assert result.score == pytest.approx(sum(result.log_probabilities))
    assert len(result.tokens) == len(result.log_probabilities) == loss.tokens


def batch_of(translator, *pairs, extra=0):
    """Pairs of German and English, with more padding than they need."""
    tokenizer = translator.tokenizer
    sources, targets = (
        [[*tokenizer.encode(text), Tokenizer.EOS] for text in side] for side in zip(*pairs, strict=True)
    )
    targets = [[tokenizer.special("<en>"), *ids] for ids in targets]
    padded = [
        torch.tensor([ids + [Tokenizer.PAD] * (max(map(len, side)) + extra - len(ids)) for ids in side])
        for side in (sources, targets)
    ]
    lengths = torch.tensor([len(ids) for ids in sources])
    languages = torch.full_like(lengths, translator.languages.index("de"))
    return TranslationBatch(padded[0], lengths, languages, padded[1])


def test_the_loss_of_a_batch_is_that_of_its_pairs_and_padding_adds_nothing(translator):
    pairs = [("Ein Hund.", "A dog sleeps."), ("Wo ist der alte Hund?", "Where?"), ("Ja", "Yes")]
    alone = [translator.loss(batch_of(translator, pair)) for pair in pairs]
    together = translator.loss(batch_of(translator, *pairs, extra=3))
    assert together.nats == pytest.approx(sum(loss.nats for loss in alone), rel=1e-5)
    assert together.tokens == sum(loss.tokens for loss in alone)


def test_the_loss_is_among_the_tokens_of_a_language_on_record():
    plain = translator_of()
    recorder = Translator(replace(plain.config, vocabularies=True), plain.tokenizer).eval()
    recorder.load_state_dict(plain.state_dict(), strict=False)
    pairs = ("Ein Hund.", "Der Hund"), ("Ja", "Ein Hund")
    nothing, whole = (each.loss(batch_of(each, *pairs)).nats for each in (recorder, plain))
    assert nothing == pytest.approx(whole)
    recorder.note_vocabulary("en", ["Ein Hund. Der Hund"])
    recorder.vocabularies[:, 6:200] = False  # single bytes, of which these texts need none
    some = recorder.loss(batch_of(recorder, *pairs)).nats
    readings = read_translations(
        recorder, [source for source, _ in pairs], [target for _, target in pairs], "en"
    )
    expected = -sum(float(each.log_probabilities.sum()) for each in readings)
    assert some == pytest.approx(expected, rel=2e-3)  # what is only read may be encoded in 16 bits
    assert some < 0.9 * whole
    # Of two languages together, anything may be written.
    mixed = batch_of(recorder, *pairs)
    mixed.target[1, 0] = recorder.tokenizer.special("<de>")
    assert recorder.loss(mixed).nats == pytest.approx(plain.loss(mixed).nats)


def test_attention_looks_at_the_source_and_without_it_there_is_no_memory():
    source, lengths = torch.tensor([[5, 20, 30, 2]]), torch.tensor([4])
    state, languages = translator_of(attention=False).encode(source, lengths)
    assert state.memory is None
    assert languages.shape == (1, 3)
    memory = translator_of().encode(source, lengths)[0].memory
    assert memory is not None
    assert memory.keys.shape == (1, 2, 4, 10)


def test_telling_languages_apart_leaves_translation_alone():
    translator = translator_of()
    _, languages = translator.encode(torch.tensor([[5, 20, 30, 2]]), torch.tensor([4]))
    languages.sum().backward()
    taught = {name for name, each in translator.named_parameters() if each.grad is not None}
    assert taught == {"language.weight", "language.bias"}


def test_what_reads_one_language_reads_each_source_once_and_learns_from_the_targets_alone():
    several = translator_of()
    translator = Translator(replace(several.config, directions=("de-en",)), several.tokenizer)
    read = []
    translator.encoder.register_forward_hook(lambda *_: read.append(1))
    loss = translator.loss(batch_of(translator, ("Ein Hund.", "A dog."), ("Ja", "Yes")))
    assert len(read) == 1
    assert loss.objective.item() == pytest.approx(loss.nats / loss.tokens)
    loss.objective.backward()
    assert not translator.language.weight.grad.any()


def test_the_tag_of_the_target_language_chooses_it(translator):
    into_english, into_german = (
        translator.translate("Ein Hund.", source, target, GREEDY).log_probabilities
        for source, target in (("de", "en"), ("en", "de"))
    )
    assert into_english != into_german
    assert translator.languages == ["de", "en", "fr"]


def test_special_tokens_are_never_written(translator):
    biased = translator_of()
    with torch.no_grad():
        for token in biased.tokenizer.special_tokens:
            if token != "<eos>":
                biased.decoder.bias[biased.tokenizer.special(token)] = 50.0
    for strategy in (Beam(3), Sampling(temperature=3.0)):
        written = biased.translate("Ein Hund.", "de", "en", strategy).tokens
        assert not set(written) & (set(biased.tokenizer.special_tokens) - {"<eos>"})


def test_the_length_is_limited():
    translator = translator_of()
    with torch.no_grad():
        translator.decoder.bias[Tokenizer.EOS] = -100.0
    (result,) = translator.translate_sentences(["Ein Hund."], "en", Beam(2), items=[0])
    assert len(result.tokens) == 40
    assert "<eos>" not in result.tokens


def test_the_limit_of_a_length_does_not_depend_on_the_batch():
    translator = translator_of()
    translator = Translator(replace(translator.config, maximum_length=200), translator.tokenizer).eval()
    with torch.no_grad():
        translator.decoder.bias[Tokenizer.EOS] = -100.0
    (alone,) = translator.translate_sentences(["Ein Hund."], "en", GREEDY, items=[0])
    first, long = translator.translate_sentences(["Ein Hund.", "x" * 70], "en", GREEDY, items=[0, 1])
    assert len(first.tokens) == len(alone.tokens) < len(long.tokens)


def test_a_least_length_is_kept_however_short_the_source():
    translator = translator_of()
    translator = Translator(replace(translator.config, maximum_length=200), translator.tokenizer).eval()
    with torch.no_grad():
        translator.decoder.bias[Tokenizer.EOS] = 100.0
    (result,) = translator.translate_sentences(
        ["Ein Hund."], "en", GREEDY, Constraints(min_length=120), items=[0]
    )
    assert len(result.tokens) == 121
    assert result.tokens[-1] == "<eos>"


@pytest.mark.parametrize("width", [1, 5, 40, 5000])
def test_batches_are_small_enough_for_wide_beams_and_hold_every_source_once(translator, width):
    lengths = [1, 30, 2, 7, 40] * 60
    ids = [[9] * (length - 1) + [Tokenizer.EOS] for length in lengths]
    places = []
    for some, sources, real in translator.batches(ids, width):
        assert len(some) == 1 or len(some) * max(16, sources.size(1)) * max(5, width) <= 5 * 4096
        assert [ids[place] for place in some] == [
            row[:length] for row, length in zip(sources.tolist(), real.tolist(), strict=True)
        ]
        places += some
    assert sorted(places) == list(range(len(ids)))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("en", "fr", r"does not translate from en to fr; it knows de-en, en-de, fr-en$"),
        ("xx", "en", r"does not translate from xx to en"),
        ("auto", "fr", r"does not translate from auto to fr"),
        ("en", "auto", r"does not translate from en to auto"),
        ("", "en", r"does not translate from  to en"),
        ("de-en", "", r"does not translate from de-en to "),
    ],
)
def test_directions_that_the_model_does_not_know(translator, source, target, message):
    for use in (translator.translate, translator.stream):
        with pytest.raises(InputError, match=message):
            use("Ja", source, target)
    with pytest.raises(InputError, match=message):
        translator.translate(iter(["Ja"]), source, target)


def test_a_sentence_that_is_too_long_as_it_is(translator):
    message = "a sentence of 41 tokens is too long, the model takes 40; split it: 'xxx"
    with pytest.raises(InputError, match=message):
        translator.translate_sentences(["x" * 39], "en", GREEDY, items=[0])
    assert len(translator.source_ids(["x" * 38])[0]) == 40
    translator.translate_sentences(["x" * 38], "en", GREEDY, items=[0])


@pytest.mark.parametrize(
    ("strategy", "penalty", "message"),
    [
        (Beam(2), -0.1, "coverage_penalty must be a finite number of 0 or more, got -0.1"),
        (Beam(2), float("nan"), "coverage_penalty must be a finite number"),
        (GREEDY, 0.1, "coverage_penalty must go with a beam"),
        (Beam(2, count=2, diversity=1.0), 0.1, "coverage_penalty must go without diversity"),
    ],
)
def test_a_coverage_penalty_needs_a_plain_beam(translator, strategy, penalty, message):
    with pytest.raises(ValueError, match=message):
        translator.translate("Ja", "de", "en", strategy, coverage_penalty=penalty)


@pytest.mark.parametrize(("storage", "error"), [("float32", 0.0), ("bfloat16", 0.02), ("int8", 0.05)])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_saved_and_loaded(tmp_path, cell, storage, error):
    translator = translator_of(cell=cell)
    translator.save(tmp_path / "model", storage)
    again = Translator.load(tmp_path / "model", device="cpu")
    assert again.config == translator.config
    batch = batch_of(translator, ("Ein Hund.", "A dog sleeps."), ("Wo ist er?", "Where is he?"))
    expected = translator.loss(batch)
    assert again.loss(batch).nats / expected.tokens == pytest.approx(
        expected.nats / expected.tokens, abs=error, rel=0
    )
    if storage == "float32":
        again.decoder.fast = None
        strategy = Beam(3, count=3)
        assert again.translate(SENTENCES, "de", "en", strategy) == (
            translator.translate(SENTENCES, "de", "en", strategy)
        )
        assert again.detect(SENTENCES) == translator.detect(SENTENCES)


def test_a_dictionary_is_saved_too_and_makes_sources_read_otherwise(tmp_path):
    translator = translator_of()
    assert translator.as_read("Hund", "de", "en") == "Hund"
    translator.dictionary = Dictionary({"de-en": {"hund": "dog"}})
    translator.save(tmp_path / "model")
    again = Translator.load(tmp_path / "model", device="cpu")
    assert again.as_read("Ein Hund!", "de", "en") == again.begun("Ein Hund!").replace("Hund", "Hund{ dog}")
    assert again.as_read("Ein Hund!", "en", "de") == again.begun("Ein Hund!")
    long = "Hund " * (again.config.maximum_length // 5)
    assert again.as_read(long, "de", "en") == long


def test_another_kind_of_model(tmp_path):
    from common.generation.model import LanguageModel, LanguageModelConfig

    translator = translator_of()
    config = LanguageModelConfig(replace(translator.config.decoder, summary_size=0, memory_size=0))
    LanguageModel(config, translator.tokenizer).save(tmp_path / "model")
    with pytest.raises(InputError, match="model: holds a language-model, but a translator is needed"):
        Translator.load(tmp_path / "model")


def test_a_language_is_written_with_its_own_tokens(learned):
    among = learned.vocabulary("yb")
    results = learned.translate(["Lom mir.", "Kes kes!", "Qwertz lom."], "xa", "yb", Sampling(3.0, count=20))
    written = {id_ for result in results for each in (result, *result.alternatives) for id_ in each.ids}
    assert among[sorted(written)].all()
    assert len(written) > 40
    foreign = learned.translate("Lom mir.", "xa", "yb", constraints=Constraints(prefix="Sor lut"))
    assert foreign.text.startswith("Sor lut")


def test_what_was_on_hand_of_former_weights_is_not_used_after_training(learned):
    translator = Translator(learned.config, learned.tokenizer).eval()
    before = translator.translate("Lom mir.", "xa", "yb", GREEDY).text
    translator.train()
    translator.load_state_dict(learned.state_dict())
    after = translator.eval().translate("Lom mir.", "xa", "yb", GREEDY).text
    assert before != after == learned.translate("Lom mir.", "xa", "yb", GREEDY).text
