"""What the tests of translation share."""

import string
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
import torch

from common.decoder import DecoderConfig
from common.tokenizer import Tokenizer
from data.batches import pad
from translation.encoder import EncoderConfig
from translation.model import Translator
from translation.placeholders import PLACEHOLDERS
from translation.records import TranslationBatch, TranslatorConfig
from translation.seen import seen_words

WORDS = {
    "lom": "dag",
    "mir": "fep",
    "tas": "bin",
    "rul": "hud",
    "kes": "gop",
    "sor": "vat",
    "lut": "jep",
    "mok": "wib",
}
"""All words of the artificial language "xa" and their translations into "yb"."""


def make_pair(random: Random) -> tuple[str, str]:
    """Up to six words and now and then a placeholder, a full stop at their end."""
    words = [random.choice(list(WORDS)) for _ in range(random.randint(1, 6))]
    if random.random() < 0.4:
        words.insert(random.randint(0, len(words)), random.choice(PLACEHOLDERS[:3]))
    source, target = " ".join(words), " ".join(WORDS.get(word, word) for word in words)
    end = random.choice([".", ".", "!", ""])
    return source[:1].upper() + source[1:] + end, target[:1].upper() + target[1:] + end


@pytest.fixture(scope="session")
def artificial_pair() -> Callable[[Random], tuple[str, str]]:
    """Makes a sentence of "xa" and its translation into "yb"."""
    return make_pair


@pytest.fixture(scope="session")
def learned() -> Translator:
    """A translator that has learned to translate between "xa" and "yb" word by word; to be left as it is."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    random = Random(0)
    texts = [text for _ in range(400) for text in make_pair(random)]
    tokenizer = Tokenizer.train("byte-pair", texts, vocabulary_size=340, special_tokens=["<xa>", "<yb>"])
    config = TranslatorConfig(
        EncoderConfig(24, 24, 1, dropout=0.0),
        DecoderConfig(len(tokenizer), 24, 48, 1, summary_size=48, memory_size=48, heads=1, dropout=0.0),
        ("xa-yb", "yb-xa"),
        maximum_length=48,
        characters="".join(sorted({*"".join(texts), *string.ascii_letters, *"0123456789,;:?'\"()-"})),
        words=seen_words(texts),
        vocabularies=True,
    )
    translator = Translator(config, tokenizer)
    for language, words in (("xa", WORDS), ("yb", WORDS.values())):
        translator.note_vocabulary(language, [f"{word} {word.capitalize()} .!" for word in words])
    languages = list(translator.language.parameters())
    others = [each for name, each in translator.named_parameters() if not name.startswith("language.")]
    optimizer = torch.optim.Adam([{"params": others}, {"params": languages, "lr": 0.05}])
    for step in range(270):
        optimizer.param_groups[0]["lr"] = 0.01 if step < 190 else 0.003
        optimizer.zero_grad()
        batch = _batch(translator, [make_pair(random) for _ in range(24)], random)
        translator.loss(batch).objective.backward()
        optimizer.step()
    return translator.eval()


@pytest.fixture(scope="session")
def plain_translator(learned: Translator) -> Translator:
    """A translator between the same languages without attention, which has learned nothing."""
    torch.manual_seed(0)
    config = replace(learned.config, decoder=replace(learned.config.decoder, memory_size=0))
    return Translator(config, learned.tokenizer).eval()


def _batch(translator: Translator, pairs: list[tuple[str, str]], random: Random) -> TranslationBatch:
    """Pairs in both directions by chance."""
    tokenizer, rows = translator.tokenizer, []
    for pair in pairs:
        source = random.randrange(2)
        tag = tokenizer.special(f"<{translator.languages[1 - source]}>")
        read, written = tokenizer.encode(pair[source]), tokenizer.encode(pair[1 - source])
        rows.append((source, [*read, Tokenizer.EOS], [tag, *written, Tokenizer.EOS]))
    return TranslationBatch(
        torch.tensor(pad([read for _, read, _ in rows], Tokenizer.PAD)),
        torch.tensor([len(read) for _, read, _ in rows]),
        torch.tensor([source for source, _, _ in rows]),
        torch.tensor(pad([written for *_, written in rows], Tokenizer.PAD)),
    )
