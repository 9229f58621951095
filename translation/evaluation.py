"""What an evaluation of translations found, as text or as JSON; ``translation.report`` makes a page of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.significance import Comparison
from translation.scores import TranslationScores


@dataclass(frozen=True)
class Evaluation:
    """Translations, what they were measured with, and the scores.

    Attributes:
        hypotheses: The translations.
        references: Of each sentence, its translations by people.
        scores: Of all sentences.
        made: What was measured and how, by name, such as ``{"sentences": 1014, "decoding": "beam:5"}``.
        sources: What was translated, if that is known.
        others: Another system's translations, if compared with.
        comparisons: Of the scores with those of ``others``.
    """

    hypotheses: Sequence[str]
    references: Sequence[Sequence[str]]
    scores: TranslationScores
    made: Mapping[str, Any]
    sources: Sequence[str] | None = None
    others: Sequence[str] | None = None
    comparisons: Sequence[Comparison] = ()

    def __str__(self) -> str:
        lines = [*map(str, self.scores.all)]
        if self.comparisons:
            lines += ["", f"compared with {self.made['compare']}:", *map(str, self.comparisons), ""]
        if "model" in self.made:
            how = f"{self.made['decoding']}|model:{self.made['model']}"
        else:
            how = f"hypotheses:{self.made['hypotheses']}"
        return "\n".join([*lines, f"{self.made['sentences']} sentences|{how}"])

    def as_json(self) -> str:
        """One document with every figure, its signature and how it was made."""
        document = dict(self.made)
        document["scores"] = {score.name: score.as_record() for score in self.scores.all}
        if self.comparisons:
            document["comparison"] = {each.name: each.as_record() for each in self.comparisons}
        return json.dumps(document, ensure_ascii=False, indent=2)
