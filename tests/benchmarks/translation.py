"""Translation: one at a time, in batches and as the product does it; beside the matrix rate and the peers.

Of the peers only the time of the model counts, from ids to ids; of ours all time, with tokens and texts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from common.beam import Beam
from common.contract import Step
from common.decoder import DecoderState
from common.metrics import Score
from common.result import Result
from common.sampling import GREEDY
from common.search import Strategy
from data.parallel import read_pairs
from tests.benchmarks import limits
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.peers import Peer, running
from tests.benchmarks.plain import search
from tests.benchmarks.timing import Work, clocked, in_rounds
from translation.careful import Sentence, readable
from translation.model import Translator
from translation.scores import bleu
from translation.texts import split_texts

TEST_SET = Path("datasets/multi30k/test_2016_flickr")
TOLERANCE = 0.1
"""BLEU by which what is done for speed may change the translations."""

BEAM = Beam(5, length_penalty=0.8)
BEST = 0
"""In place of a batch size: all sentences at once, batched as the product sees fit."""


def load(directory: Path | None = None) -> Translator:
    """The translator whose speed counts, by default the built-in one, as anybody loads it."""
    return Translator.load(directory, device="cpu")


def load_plain(directory: Path | None = None) -> Translator:
    """The same weights in 32 bits, without anything that is done for speed."""
    translator = Translator.load(directory, device="cpu")
    translator.decoder.fast = None
    return translator


@dataclass(frozen=True)
class Sentences:
    """Sentences to translate, and what they are to become."""

    sources: Sequence[str]
    references: Sequence[str]

    def first(self, count: int) -> "Sentences":
        """Those at the beginning."""
        return Sentences(self.sources[:count], self.references[:count])

    def score(self, translations: Sequence[str]) -> Score:
        """Their BLEU, with its signature."""
        return bleu(translations, [[reference] for reference in self.references])


def read_sentences(count: int) -> Sentences:
    """The first of Multi30k's test set of 2016, German to English. Raises InputError without it."""
    files = (TEST_SET.with_name(f"{TEST_SET.name}.{language}.gz") for language in ("de", "en"))
    pairs = read_pairs(*files, source_language="de", target_language="en")[:count]
    return Sentences([pair.source for pair in pairs], [pair.target for pair in pairs])


def translate(translator: Translator, sources: Sequence[str], strategy: Strategy, batch: int) -> list[Result]:
    """Translate ``batch`` sentences at a time, the short ones first, as OpenNMT-py does.

    For ``BEST`` all are translated as the product does it.
    """
    if batch == BEST:
        return translator.translate(sources, "de", "en", strategy)
    order = sorted(range(len(sources)), key=lambda place: len(sources[place]))
    results = [Result("")] * len(sources)
    for start in range(0, len(sources), batch):
        places = order[start : start + batch]
        some = [sources[place] for place in places]
        for place, result in zip(
            places, translator.translate_sentences(some, "en", strategy, items=places), strict=True
        ):
            results[place] = result
    return results


def plain_translations(translator: Translator, sources: Sequence[str], beam: Beam) -> list[str]:
    """Translations by the plain path; the length limit is generous, and what goes round in circles stays."""
    tokenizer, found = translator.tokenizer, list[str]()
    for ids in translator.source_ids(sources):
        with torch.enable_grad():  # while something could be learned, nothing is computed in 16 bits
            state, _ = translator.encode(torch.tensor([ids]), torch.tensor([len(ids)]))
        tag = tokenizer.special("<en>")
        tokens = search(_among_english(translator), state, tag, beam, tokenizer, most=2 * len(ids) + 20)
        found.append(tokenizer.decode(tokens))
    return found


def plain_texts(translator: Translator, texts: Sequence[str], beam: Beam) -> list[str]:
    """The same for texts that are cut, prepared and put together as the product does it."""
    split = split_texts(translator, "de", "en", texts, range(len(texts)))
    read = [piece.prepared.text for _, pieces in split for piece in pieces if isinstance(piece, Sentence)]
    written = iter(plain_translations(translator, read, beam))

    def finished(piece: str | Sentence) -> str:
        return piece if isinstance(piece, str) else piece.prepared.finish(readable(next(written)))

    return ["".join(map(finished, pieces)) for _, pieces in split]


def _among_english(translator: Translator) -> Step[DecoderState]:
    """The decoder's step to which tokens of other languages are impossible."""
    among = translator.vocabulary("en")

    def step(tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        logits, state = translator.decoder(tokens, state)
        return logits if among is None else logits.masked_fill(~among, -torch.inf), state

    return step


@dataclass
class Kept:
    """Does work and keeps what it returned last."""

    work: Callable[[], list[Result]]
    results: list[Result] = field(default_factory=list)

    def __call__(self) -> None:
        self.results = self.work()

    @property
    def texts(self) -> list[str]:
        """The translations."""
        return [result.text for result in self.results]


@dataclass
class Asked:
    """Has a peer translate, keeps what it wrote, and returns the seconds of its model."""

    peer: Peer
    sources: Sequence[str]
    batch: int
    beam: int
    threads: int
    texts: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        answer = self.peer.translate(self.sources, self.batch, self.beam, self.threads)
        self.texts = answer["translations"]
        return float(answer["seconds"])


def complaints(name: str, ours: float, plain: float, peers: dict[str, float]) -> list[str]:
    """What is wrong with our BLEU beside that of the plain path and those of the peers."""
    found = []
    if abs(ours - plain) > TOLERANCE:
        found.append(
            f"{name}: BLEU is {ours:.2f} and by the plain path in float32 {plain:.2f}; "
            f"they may differ by {TOLERANCE}"
        )
    found += [
        f"{name}: BLEU is {ours:.2f}, below {peer}'s {theirs:.2f}"
        for peer, theirs in peers.items()
        if ours < theirs
    ]
    return found


def complaint_of_few(name: str, changed: int, count: int) -> list[str]:
    """What is wrong with so few translations that a word of one is more than :data:`TOLERANCE`."""
    if 10 * changed <= count:
        return []
    return [f"{name}: {changed} of {count} translations are not as in float32; one in ten may be"]


def measure(settings: Settings) -> Outcome:
    """Sentences a second of greedy and beam search, for each size of batch, beside limits and peers."""
    torch.set_num_threads(settings.threads)
    sentences = read_sentences(3 if settings.quick else settings.sentences)
    translator, slow = load(settings.translator), load_plain(settings.translator)
    outcome = Outcome()
    with running(settings) as peers:
        for name, strategy, beam in (("greedy", GREEDY, Beam(1)), ("beam 5", BEAM, BEAM)):
            plain = plain_translations(slow, sentences.sources, beam)
            prepared = plain_texts(slow, sentences.sources, beam)
            for batch in (1, BEST) if settings.quick else (1, 32, 128, len(sentences.sources), BEST):
                # One at a time takes long, for the peers above all.
                some = sentences.first(len(sentences.sources) // 5) if batch == 1 else sentences
                some = sentences if settings.quick else some
                shown = f"translation, {name}, " + (f"batch {batch}" if batch else "best")
                reference = plain if batch else prepared
                _measure_one(outcome, shown, translator, some, strategy, batch, reference, peers, settings)
    return outcome


def _measure_one(
    outcome: Outcome,
    name: str,
    translator: Translator,
    sentences: Sentences,
    strategy: Strategy,
    batch: int,
    plain: Sequence[str],
    peers: dict[str, Peer],
    settings: Settings,
) -> None:
    """One way to translate, ours and the peers' in turns."""
    sources, width = sentences.sources, strategy.size if isinstance(strategy, Beam) else 1
    ours = Kept(partial(translate, translator, sources, strategy, batch))
    products = limits.all_kinds((batch or len(sources)) * width)
    asked = {
        peer: Asked(each, sources, batch or 128, width, settings.threads) for peer, each in peers.items()
    }
    works: dict[str, Work] = {**products, **asked, "ours": clocked(ours)}
    seconds = in_rounds(works, settings.rounds, warm_up=not settings.quick)

    score = sentences.score(ours.texts)
    ids = translator.source_ids(sources)
    targets = sum(len(result.tokens) for result in ours.results)
    operations = limits.translating(translator, sum(map(len, ids)), targets, len(sources), width)
    limit_name, rate = limits.best_rate(products, seconds)
    speed = len(sources) / seconds["ours"]
    changed = sum(ours != theirs for ours, theirs in zip(ours.texts, plain, strict=False))
    note = f"BLEU {score.value:.2f} ({score.signature}); {changed} of {len(sources)} not as in float32"
    outcome.measurements.append(
        Measurement(name, speed, "sentences/s", limit_name, len(sources) * rate / operations, note)
    )
    scores = {peer: sentences.score(each.texts) for peer, each in asked.items()}
    for peer, theirs in scores.items():
        beside = f"BLEU {score.value:.2f} beside {theirs.value:.2f}"
        outcome.measurements.append(
            Measurement(name, speed, "sentences/s", peer, len(sources) / seconds[peer], beside)
        )
    if batch == 1:
        outcome.failures += complaint_of_few(name, changed, len(sources))
    else:
        reference = sentences.score(plain).value
        values = {peer: theirs.value for peer, theirs in scores.items()}
        outcome.failures += complaints(name, score.value, reference, values)
