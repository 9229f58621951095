"""Multi30k as the peers read it: plain text, and one joint vocabulary of 8,192 byte pairs.

Run inside a peer's environment, as it needs sentencepiece: python prepare.py datasets/multi30k .peers/data
"""

import gzip
import sys
from pathlib import Path

import sentencepiece

VOCABULARY_SIZE = 8192
SPECIAL = 4  # unknown, padding, beginning and end, which the peers add themselves


def main(multi30k: Path, folder: Path) -> None:
    """Write what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "val"):
        for language in ("de", "en"):
            text = gzip.decompress((multi30k / f"{part}.{language}.gz").read_bytes())
            (folder / f"{part}.{language}").write_bytes(text)
    if (folder / "pieces.txt").exists():
        return
    sentencepiece.SentencePieceTrainer.train(
        input=[f"{folder}/train.de", f"{folder}/train.en"],
        model_prefix=f"{folder}/pieces",
        model_type="bpe",
        vocab_size=VOCABULARY_SIZE,
        character_coverage=1.0,
        unk_id=0,
        pad_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=1,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/pieces.model")
    ordinary = [pieces.id_to_piece(place) for place in range(SPECIAL, VOCABULARY_SIZE)]
    (folder / "pieces.txt").write_text("".join(f"{piece}\n" for piece in ordinary), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
