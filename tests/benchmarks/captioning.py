"""Captioning: from pixels and from files, beside the bare ResNet and the reading of JPEG files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from captioning.bulk import caption_all, read_all
from captioning.model import USUAL, Captioner
from captioning.vision import import_models
from common.constraints import Constraints, Start
from common.errors import InputError
from common.metrics import caption_words, corpus_bleu
from common.search import decode
from common.tokenizer import Tokenizer
from data.captions import read_captions
from tests.benchmarks.measurement import Measurement, Outcome, Settings
from tests.benchmarks.plain import search
from tests.benchmarks.timing import Work, clocked, in_rounds

FLICKR8K = Path("datasets/flickr8k")
TOLERANCE = 0.1
"""BLEU, of each length of n-grams, by which what is done for speed may change the captions."""

PHOTOGRAPHS = 128


def load() -> Captioner:
    """The captioner whose speed counts, as anybody loads it."""
    return Captioner.load(device="cpu")


def load_plain() -> Captioner:
    """The same weights in 32 bits, without anything that is done for speed."""
    captioner = Captioner.load(device="cpu")
    captioner.decoder.fast = None
    return captioner


def photographs(count: int) -> list[Path]:
    """So many JPEG files of Flickr8k's validation part. Raises InputError if they are not there."""
    names = FLICKR8K / "Flickr_8k.devImages.txt"
    if not names.is_file():
        raise InputError(f"{names}: not there; fetch it with python -m data flickr8k {FLICKR8K}")
    listed = names.read_text(encoding="utf-8").split()[:count]
    return [FLICKR8K / "images" / name for name in listed]


def quality(captions: Sequence[str], files: Sequence[Path]) -> tuple[float, ...]:
    """BLEU-1 to BLEU-4 beside the references of Flickr8k."""
    records = read_captions(FLICKR8K / "Flickr8k.token.txt", FLICKR8K / "images")
    references = {record.image.name: [caption_words(text) for text in record.captions] for record in records}
    words = [caption_words(caption) for caption in captions]
    return corpus_bleu(words, [references[path.name] for path in files])


def parts(images: Tensor, batch: int) -> list[Tensor]:
    """Images, ``batch`` at a time."""
    return [images[start : start + batch] for start in range(0, len(images), batch)]


def plain_captions(captioner: Captioner, pixels: Tensor) -> list[str]:
    """Captions by the plain path."""
    tokenizer, found = captioner.tokenizer, []
    for one in parts(pixels, 1):
        with torch.enable_grad():  # while something could be learned, nothing is computed in 16 bits
            state = captioner.start(one)
        most, tag = captioner.config.maximum_length, captioner.language_tag(None)
        found.append(tokenizer.decode(search(captioner.decoder, state, tag, USUAL, tokenizer, most)))
    return found


def from_pixels(captioner: Captioner, pixels: Tensor, batch: int) -> list[str]:
    """Captions of ``batch`` photographs at a time, already decoded."""
    return [each.text for some in parts(pixels, batch) for each in captioner.caption_pixels(some, USUAL)]


def from_files(captioner: Captioner, files: Sequence[Path], batch: int) -> list[str]:
    """Captions of files: one after the other, or as the product does many."""
    if batch == 1:
        return [captioner.caption(path, USUAL).text for path in files]
    given: list[tuple[Path, InputError | None]] = [(path, None) for path in files]
    found = caption_all(captioner, given, USUAL, captioner.config.languages[0], Constraints())
    return ["" if isinstance(each, InputError) else each.text for _, each in found]


def read(captioner: Captioner, files: Sequence[Path], batch: int) -> list[object]:
    """The pixels of files: one after the other, or as the product reads many."""
    if batch == 1:
        return [captioner.pixels(path) for path in files]
    given: list[tuple[Path, InputError | None]] = [(path, None) for path in files]
    return list(read_all(captioner, given))


def bare_resnet(captioner: Captioner) -> torch.nn.Module:
    """The same network as torchvision has it, channels last, up to its grid; the weights are random."""
    network = getattr(import_models(), captioner.config.encoder.backbone)(weights=None)
    layers = torch.nn.Sequential(*list(network.children())[:-2]).eval()
    return layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def forward(network: torch.nn.Module, images: Tensor, batch: int) -> Callable[[], None]:
    """Reads ``batch`` images at a time with a network."""

    @torch.inference_mode()
    def all_of_them() -> None:
        for some in parts(images, batch):
            network(some)

    return all_of_them


def complaints(name: str, ours: Sequence[float], plain: Sequence[float]) -> list[str]:
    """What is wrong with BLEU-1 to BLEU-4 of our captions beside those of the plain path's."""
    return [
        f"{name}: BLEU-{order} is {mine:.2f} and by the plain path in float32 {other:.2f}; "
        f"they may differ by {TOLERANCE}"
        for order, (mine, other) in enumerate(zip(ours, plain, strict=True), 1)
        if abs(mine - other) > TOLERANCE
    ]


def measure(settings: Settings) -> Outcome:
    """Photographs a second, beam 3."""
    torch.set_num_threads(settings.threads)
    files = photographs(2 if settings.quick else PHOTOGRAPHS)
    captioner, outcome = load(), Outcome()
    pixels = torch.from_numpy(np.stack([captioner.pixels(path) for path in files]))
    plain = plain_captions(load_plain(), pixels)
    for batch in (2,) if settings.quick else (1, 32):
        # One at a time takes long.
        count = len(files) // 4 if batch == 1 else len(files)
        _measure_batch(outcome, captioner, files[:count], pixels[:count], plain[:count], batch, settings)
    return outcome


def _measure_batch(
    outcome: Outcome,
    captioner: Captioner,
    files: Sequence[Path],
    pixels: Tensor,
    plain: Sequence[str],
    batch: int,
    settings: Settings,
) -> None:
    """One size of batch: all that is compared, in turns."""
    written: dict[str, list[str]] = {}

    def caption_pixels() -> None:
        written["from pixels"] = from_pixels(captioner, pixels, batch)

    def caption_files() -> None:
        written["from files"] = from_files(captioner, files, batch)

    images = pixels.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    works: dict[str, Work] = {
        "from pixels": clocked(caption_pixels),
        "from files": clocked(caption_files),
        "ResNet alone": clocked(forward(captioner.encoder, pixels, batch)),
        "torchvision's ResNet": clocked(forward(bare_resnet(captioner), images, batch)),
        "JPEG reading alone": clocked(lambda: read(captioner, files, batch)),
    }
    seconds = in_rounds(works, settings.rounds, warm_up=not settings.quick)
    speeds = {name: len(files) / each for name, each in seconds.items()}
    slower = min("ResNet alone", "JPEG reading alone", key=lambda name: speeds[name])
    for name, limit in (
        ("from pixels", "ResNet alone"),
        ("from pixels", "torchvision's ResNet"),
        ("from files", slower),
        ("from files", "torchvision's ResNet"),
        ("ResNet alone", "torchvision's ResNet"),
        ("JPEG reading alone", ""),
    ):
        shown = f"captioning, {name}, batch {batch}"
        ours = quality(written[name], files) if name in written else None
        note = "" if ours is None else f"BLEU-4 {ours[-1]:.2f}"
        outcome.measurements.append(
            Measurement(shown, speeds[name], "photographs/s", limit, speeds[limit] if limit else None, note)
        )
    likeliest = quality(_likeliest(captioner, pixels, batch), files)
    outcome.failures += complaints(f"captioning, batch {batch}", likeliest, quality(plain, files))
    if differing := sum(map(str.__ne__, written["from pixels"], written["from files"])):
        outcome.failures.append(
            f"captioning, batch {batch}: {differing} captions of files differ from pixels'"
        )


def _likeliest(captioner: Captioner, pixels: Tensor, batch: int) -> list[str]:
    """What decoding finds, before a caption is chosen for its wording and by consensus."""
    tokenizer, found = captioner.tokenizer, list[str]()
    most, tag = captioner.config.maximum_length, captioner.language_tag(None)
    rules = Constraints().rules(tokenizer, Start(), eos=Tokenizer.EOS, max_length=most)
    for some in parts(pixels, batch):
        with torch.inference_mode():
            prompt = torch.tensor([[tag]]).expand(len(some), -1)
            decoded = decode(captioner.decoder.step, captioner.start(some), prompt, USUAL, rules)
        found += [tokenizer.decode(each[0].tokens) for each in decoded]
    return found
