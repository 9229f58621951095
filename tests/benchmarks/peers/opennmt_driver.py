"""OpenNMT-py 3.5 at work: run inside its environment, a job a line on stdin, an answer a line on stdout.

    python opennmt_driver.py .peers

The jobs and answers are those of joeynmt_driver.py.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

# What is loaded are this folder's own files, in which OpenNMT keeps more than weights.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import absent  # noqa: F401
import torch
from onmt import train_single
from onmt.bin.train import train as run_training
from onmt.constants import CorpusTask, DefaultTokens
from onmt.inference_engine import InferenceEnginePY
from onmt.opts import train_opts, translate_opts
from onmt.utils.parse import ArgumentParser

Job = dict[str, Any]


def subwords(folder: Path) -> Job:
    """How both sides are cut into pieces."""
    pieces = f"{folder}/data/pieces.model"
    return {"transforms": ["sentencepiece"], "src_subword_model": pieces, "tgt_subword_model": pieces}


def training_settings(folder: Path, output: Path, batch: int) -> Job:
    """What OpenNMT reads from YAML: the shape of the model, its data and training."""
    data = folder / "data"
    return {
        "data": {
            "multi30k": {
                "path_src": f"{data}/train.de",
                "path_tgt": f"{data}/train.en",
                "transforms": ["sentencepiece"],
            }
        },
        "save_data": f"{output}/data",
        "save_model": f"{output}/multi30k",
        "src_vocab": f"{data}/pieces.txt",
        "tgt_vocab": f"{data}/pieces.txt",
        "share_vocab": True,
        "share_embeddings": True,
        "encoder_type": "brnn",
        "decoder_type": "rnn",
        "rnn_type": "GRU",
        "layers": 2,
        "word_vec_size": 256,
        "hidden_size": 512,
        "global_attention": "general",
        "input_feed": 1,
        "dropout": [0.3],
        "label_smoothing": 0.1,
        "optim": "adam",
        "learning_rate": 0.001,
        "learning_rate_decay": 0.7,
        "start_decay_steps": 5000,
        "decay_steps": 1000,
        "max_grad_norm": 1.0,
        "batch_type": "sents",
        "batch_size": batch,
        "bucket_size": 32768,
        "num_workers": 0,
        "train_steps": 1_000_000,
        "save_checkpoint_steps": 1000,
        "keep_checkpoint": 1,
        "report_every": 100,
        "seed": 1,
        **subwords(folder),
    }


class Limited:
    """OpenNMT's own batches, which end after a time or a number of steps, and their target tokens."""

    def __init__(self, batches: Iterable[Any], padding: int, seconds: float, steps: int) -> None:
        self.batches, self.padding, self.seconds, self.steps = batches, padding, seconds, steps
        self.tokens, self.begin, self.end = 0, 0.0, 0.0

    def __iter__(self) -> Iterator[Any]:
        for taken, (batch, bucket) in enumerate(self.batches):
            self.end = perf_counter()
            # The first step is to warm up.
            self.begin = self.end if taken == 1 or not self.begin else self.begin
            if taken > self.steps or self.end - self.begin > self.seconds:
                return
            self.tokens += int(batch["tgt"][:, 1:].ne(self.padding).sum()) if taken else 0
            yield batch, bucket


def train(folder: Path, output: Path, job: Job) -> Job:
    """Train for so many minutes or steps."""
    torch.set_num_threads(job["threads"])
    settings = output / "settings.yaml"
    # JSON is YAML.
    settings.write_text(json.dumps(training_settings(folder, output, job["batch"])))
    parser = ArgumentParser()
    train_opts(parser)
    latest = newest(output)
    options, _ = parser.parse_known_args(
        ["-config", str(settings), *(["-train_from", str(latest)] if latest else [])]
    )
    made = train_single.build_dynamic_dataset_iter
    limited: list[Limited] = []

    def make(options: Any, transforms: Any, vocabularies: Any, *, task: str, **others: Any) -> Any:
        if task != CorpusTask.TRAIN:
            return None
        padding = vocabularies["tgt"][DefaultTokens.PAD]
        batches = made(options, transforms, vocabularies, task=task, **others)
        limit = 60 * job.get("minutes", 1e9), job.get("steps", sys.maxsize)
        limited.append(Limited(batches, padding, *limit))
        return limited[-1]

    train_single.build_dynamic_dataset_iter = make
    try:
        run_training(options)
    finally:
        train_single.build_dynamic_dataset_iter = made
    return {"tokens": limited[0].tokens, "seconds": limited[0].end - limited[0].begin}


def newest(output: Path) -> Path | None:
    """The checkpoint to go on from, if there is one."""
    found = output.glob("multi30k_step_*.pt")
    return max(found, key=lambda path: int(path.stem.rpartition("_")[2]), default=None)


class Translator:
    """A trained model, loaded once."""

    def __init__(self, folder: Path) -> None:
        parser = ArgumentParser()
        translate_opts(parser)
        checkpoint, scratch = str(newest(folder / "opennmt" / "model")), os.devnull
        options = parser.parse_args(["-model", checkpoint, "-src", scratch, "-output", scratch])
        vars(options).update(subwords(folder))
        ArgumentParser.validate_translate_opts(options)
        ArgumentParser._get_all_transform_translate(options)
        ArgumentParser._validate_transforms_opts(options)
        ArgumentParser.validate_translate_opts_dynamic(options)
        self.engine = InferenceEnginePY(options)
        self.seconds = 0.0
        translate_batch = self.engine.translator.translate_batch

        def timed(*given: Any) -> Any:
            begin = perf_counter()
            found = translate_batch(*given)
            self.seconds += perf_counter() - begin
            return found

        self.engine.translator.translate_batch = timed

    def translate(self, job: Job) -> Job:
        """Translate sentences, which OpenNMT sorts by length, so many at a time."""
        torch.set_num_threads(job["threads"])
        self.engine.opt.batch_size = job["batch"]
        self.engine.translator.beam_size = job["beam"]
        self.seconds = 0.0
        with torch.no_grad():
            _, translations = self.engine.infer_list(job["sentences"])
        return {"translations": [best[0] for best in translations], "seconds": self.seconds}


def answers(folder: Path, jobs: Iterable[Job]) -> Iterator[Job]:
    """Do one job after the other."""
    translator = None
    for job in jobs:
        if job["kind"] == "translate":
            translator = translator or Translator(folder)
            yield translator.translate(job)
        elif job["kind"] == "steps":
            with TemporaryDirectory() as scratch:
                yield train(folder, Path(scratch), job)
        else:
            output = folder / "opennmt" / "model"
            output.mkdir(exist_ok=True)
            yield train(folder, output, job)


if __name__ == "__main__":
    answer_to = sys.stdout
    with redirect_stdout(sys.stderr):
        for answer in answers(Path(sys.argv[1]), map(json.loads, sys.stdin)):
            print(json.dumps(answer), file=answer_to, flush=True)
