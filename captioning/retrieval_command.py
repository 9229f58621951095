"""``inwords evaluate retrieval``: whether photographs are found by their captions.

Published figures for Flickr8k's 1,000 test photographs and all of their 5,000 captions, each
from models trained on Flickr8k (R@1, R@5, R@10, median rank):

- 12.5, 37.0, 51.5, 10: Kiros, Salakhutdinov and Zemel, 2014, arXiv:1411.2539, with VGG-19;
- 19.1, 45.3, 60.4, 7: Klein et al., 2015 (CVPR), canonical correlation of word vectors and VGG-19.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from captioning.flags import BUILT_IN
from common.cli import report
from common.errors import InputError
from common.flags import signature
from common.threads import add_threads

if TYPE_CHECKING:
    from torch import Tensor

    from captioning.matching import Encoded
    from captioning.model import Captioner

_TOGETHER = 32
"""Photographs that captions are read beside in one call."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Text to image retrieval: rank all photographs for each caption by the caption's probability. "
        "R@K is how many percent of the captions have their own photograph among the first K. The work "
        "grows with photographs times captions: a million take about half an hour on a core."
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the photographs")
    parser.add_argument(
        "--references",
        type=Path,
        required=True,
        metavar="FILE",
        help="their captions: Flickr8k token file, COCO or Karpathy JSON, CSV, TSV or JSONL",
    )
    parser.add_argument("--names", type=Path, metavar="FILE", help="measure on the images named there only")
    parser.add_argument("--split", metavar="NAME", help="measure on this split of a Karpathy file only")
    parser.add_argument(
        "--captions-per-image",
        type=int,
        default=1,
        metavar="N",
        help="search for each image with its first N captions (default 1)",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a model directory instead of the built-in one"
    )
    parser.add_argument("--language", metavar="CODE", help="of the captions, if the model writes several")
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Rank the photographs for each caption and print the figures; 1 if a photograph failed."""
    if options.captions_per_image < 1:
        options.usage(f"--captions-per-image must be at least 1, got {options.captions_per_image}")
    from captioning.matching import ranks
    from captioning.model import Captioner
    from data.captions import read_captions

    if not options.images.is_dir():
        raise InputError(f"{options.images}: no such folder; give that of the photographs as --images")
    records = read_captions(options.references, options.images, names=options.names, split=options.split)
    captioner = Captioner.load(options.model or BUILT_IN)
    captioner.language_tag(options.language)
    encoded = _encode([record.image for record in records], captioner)
    if not encoded:
        raise InputError(f"{options.images}: none of the {len(records)} photographs could be read")
    captions, own = [], []
    for place, number in enumerate(encoded):
        for caption in records[number].captions[: options.captions_per_image]:
            captions.append(caption)
            own.append(place)
    scores = _scores(captioner, list(encoded.values()), captions, options.language)
    import torch

    print(_figures("text to image", ranks(scores, torch.tensor(own))))
    print(_chance(len(encoded)))
    model = signature(options.model or BUILT_IN)
    print(f"{len(encoded)} photographs|{len(captions)} captions|score:probability|model:{model}")
    return 1 if len(encoded) < len(records) else 0


def _encode(images: Sequence[Path], captioner: Captioner) -> dict[int, Encoded]:
    """The photographs that can be read, by their place."""
    from tqdm import tqdm

    from captioning.index import encode_photographs

    results = encode_photographs(captioner, ((image, None) for image in images))
    encoded = {}
    bar = tqdm(results, total=len(images), desc="looking", unit="photo", disable=None)
    for place, (_, result) in enumerate(bar):
        if isinstance(result, InputError):
            report(f"error: {result}")
        else:
            encoded[place] = result
    return encoded


def _scores(
    captioner: Captioner, encoded: Sequence[Encoded], captions: Sequence[str], language: str | None
) -> Tensor:
    """Log-probabilities, (photographs, captions)."""
    import torch
    from tqdm import tqdm

    from captioning.matching import Encoded, caption_ids, read_beside, sums
    from common.device import quick

    ids = caption_ids(captioner, captions)
    parts = []
    with tqdm(total=len(encoded), desc="ranking", unit="photo", disable=None) as bar:
        for start in range(0, len(encoded), _TOGETHER):
            part = Encoded.join(encoded[start : start + _TOGETHER])
            with torch.inference_mode(), quick(captioner.device):  # who is first hardly depends on it
                parts.append(sums(read_beside(captioner, part, ids, language)))
            bar.update(len(parts[-1]))
    return torch.cat(parts)


def _figures(name: str, ranks: Tensor) -> str:
    recalls = (f"R@{k} {100 * (ranks <= k).float().mean():.1f}" for k in (1, 5, 10))
    return f"{name}: {', '.join(recalls)}, median rank {float(ranks.quantile(0.5)):g}"


def _chance(photographs: int) -> str:
    recalls = (f"R@{k} {100 * min(1, k / photographs):.1f}" for k in (1, 5, 10))
    return f"chance: {', '.join(recalls)}, median rank {(photographs + 1) / 2:g}"
