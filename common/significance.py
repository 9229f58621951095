"""How sure a score is, and whether two differ: the bootstrap, as sacreBLEU does it.

References: Koehn, 2004, aclanthology.org/W04-3250; Post, 2018, arXiv:1804.08771.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest, Result, estimate_ci

from common.metrics import reference_streams

SAMPLES = 1000
"""How often the bootstrap draws the items anew."""
SEED = 12345
"""Of the draws; sacreBLEU's, whose scores have theirs from the same draws."""
SIGNIFICANT = 0.05
"""A difference with a p-value below this is called one."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """How a score differs from another system's on the same items.

    ``p_value`` says how often chance alone would make so large a difference.
    """

    name: str
    value: float
    other: float
    p_value: float
    signature: str
    lower_is_better: bool = False

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"`` or ``"no significant difference"``."""
        if self.p_value >= SIGNIFICANT:
            return "no significant difference"
        return "better" if (self.value > self.other) != self.lower_is_better else "worse"

    def __str__(self) -> str:
        difference = f"{self.value:#.4g} against {self.other:#.4g}: {self.value - self.other:+#.3g}"
        return f"{self.name} {difference}, p = {self.p_value:.4f}, {self.verdict} ({self.signature})"

    def as_record(self) -> dict[str, Any]:
        """For JSON, without the name."""
        return {
            "score": self.value,
            "other": self.other,
            "p_value": self.p_value,
            "verdict": self.verdict,
            "signature": self.signature,
        }


def resampled_sums(items: Values, samples: int = SAMPLES) -> Values:
    """Sums over as many items as there are, drawn with replacement, for each of the samples.

    Args:
        items: What of each item adds up, such as counts of n-grams, (items, columns).
        samples: How often to draw.

    Returns:
        (samples, columns). The same number of items gives the same draws, so samples of two systems pair.
    """
    random = np.random.default_rng(SEED)
    sums = np.empty((samples, items.shape[1]))
    for sample in range(samples):
        sums[sample] = items[random.choice(len(items), size=len(items))].sum(axis=0)
    return sums


def confidence_interval(scores: Values) -> tuple[float, float]:
    """The 95 % confidence interval of a score, from the scores of the samples."""
    mean, margin = estimate_ci(scores)
    return float(mean - margin), float(mean + margin)


def paired_p_value(difference: float, differences: Values) -> float:
    """How often chance alone makes the samples differ from their mean by as much as the systems do.

    ``differences`` are those of the samples. As in sacreBLEU and Moses, but for no difference at
    all: chance makes that most easily.
    """
    if difference == 0:
        return 1.0
    sizes = np.abs(differences)
    beyond = int(np.sum(sizes - sizes.mean() > abs(difference)))
    return (beyond + 1) / (len(sizes) + 1)


def compare_by_sacrebleu(
    name: str,
    metric: Metric,
    hypotheses: Sequence[str],
    others: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    lower_is_better: bool = False,
) -> Comparison:
    """Compare two systems by one of sacreBLEU's scores and its paired bootstrap."""
    systems = [("other", others), ("this", hypotheses)]
    streams = reference_streams(references)
    test = PairedTest(systems, {name: metric}, streams, test_type="bs", n_samples=SAMPLES)
    signatures, table = test()
    (own_name,) = signatures
    other, this = (result for result in table[own_name] if isinstance(result, Result))
    # sacreBLEU gives equal outputs its smallest p-value; see `paired_p_value`.
    p_value = 1.0 if this.score == other.score or this.p_value is None else this.p_value
    # (Its figures are NumPy's.)
    values = float(this.score), float(other.score)
    return Comparison(name, *values, p_value, str(signatures[own_name]), lower_is_better)
