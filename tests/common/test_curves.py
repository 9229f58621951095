from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from common.curves import draw_curves


def epochs(count):
    return [
        {
            "epoch": n,
            "step": 10 * n,
            "train_loss": 5.0 / n,
            "loss": 4.0 / n,
            "quality": float(min(n, 6)),
            "samples": [],
        }
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    "records",
    [
        epochs(1),
        [*epochs(4), {"epoch": 4, "averaged": [2, 3, 4], "step": 40, "quality": 9.0}],
        [{"epoch": 1, "step": 5, "train_loss": 1.0}],  # as an older version wrote them
        [{"epoch": 1, "step": 5, "train_loss": 1.0, "quality": -2.5}],  # a model without "loss"
    ],
)
def test_there_is_a_picture_whatever_is_known(tmp_path, records):
    draw_curves(records, tmp_path / "curves.png", "BLEU")
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (825, 660)
        assert 0.005 < (np.asarray(picture.convert("L")) < 128).mean() < 0.2


def test_it_shows_what_it_is_given(tmp_path):
    """Each of the curves, the mark of the best and the name of the measure leave their trace."""
    whole = epochs(9)
    variants = {
        "whole": (whole, "BLEU"),
        "measure": (whole, "CIDEr-D"),
        "best": ([*whole[:2], {**whole[2], "quality": 7.0}, *whole[3:]], "BLEU"),
        "loss": ([{**each, "loss": 3.0} for each in whole], "BLEU"),
        "training": ([{**each, "train_loss": 3.0} for each in whole], "BLEU"),
        "average": ([*whole, {"epoch": 9, "averaged": [8, 9], "step": 90, "quality": 5.0}], "BLEU"),
    }
    for name, (records, measure) in variants.items():
        draw_curves(records, tmp_path / name, measure)
    assert len({(tmp_path / name).read_bytes() for name in variants}) == len(variants)


def test_threads_do_not_disturb_each_other(tmp_path):
    draw_curves(epochs(5), tmp_path / "alone.png")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: draw_curves(epochs(5), tmp_path / f"{n}.png"), range(6)))
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {(tmp_path / "alone.png").read_bytes()}
