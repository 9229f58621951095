"""What an evaluation of captions found, as text or as JSON; ``captioning.report`` makes a page of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captioning.scores import CaptionScores
from common.significance import Comparison


@dataclass(frozen=True)
class Evaluation:
    """Captions, what they were measured with, and the scores.

    Attributes:
        photographs: Where the photographs are; they are read for a report only.
        captions: Of each photograph.
        references: Of each photograph, its captions by people.
        scores: Of all captions.
        made: What was measured and how, by name, such as ``{"photographs": 1000, "decoding": "beam:3"}``.
        others: Another system's captions, if compared with.
        comparisons: Of the scores with those of ``others``.
    """

    photographs: Sequence[Path]
    captions: Sequence[str]
    references: Sequence[Sequence[str]]
    scores: CaptionScores
    made: Mapping[str, Any]
    others: Sequence[str] | None = None
    comparisons: Sequence[Comparison] = ()

    def __str__(self) -> str:
        lines = [str(self.scores)]
        if self.comparisons:
            lines += ["", f"compared with {self.made['compare']}:", *map(str, self.comparisons), ""]
        if "model" in self.made:
            how = f"{self.made['decoding']}|model:{self.made['model']}"
        else:
            how = f"captions:{self.made['captions']}"
        return "\n".join([*lines, f"{self.made['photographs']} photographs|{how}"])

    def as_json(self) -> str:
        """One document with every figure, its signature and how it was made."""
        document = dict(self.made)
        document["scores"] = {score.name: score.as_record() for score in self.scores.all}
        document["wording"] = self.scores.wording.as_record()
        document["people"] = self.scores.people.as_record()
        if self.comparisons:
            document["comparison"] = {each.name: each.as_record() for each in self.comparisons}
        return json.dumps(document, ensure_ascii=False, indent=2)
