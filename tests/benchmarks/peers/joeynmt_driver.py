"""JoeyNMT 2.3 at work: run inside its environment, a job a line on stdin, an answer a line on stdout.

    python joeynmt_driver.py .peers

Jobs and answers are JSON:

    {"kind": "translate", "sentences": [...], "threads": 2, "batch": 32, "beam": 5}
        -> {"translations": [...], "seconds": of the model's search alone}
    {"kind": "steps", "steps": 20, "threads": 2, "batch": 32}
        -> {"tokens": of the targets, "seconds": 3.4}
    {"kind": "train", "minutes": 40, "threads": 1, "batch": 32}
        -> {"tokens": ..., "seconds": ...}; goes on where the last one stopped, if there was one
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

# What is loaded are this folder's own files, in which JoeyNMT keeps more than weights.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import torch
from joeynmt import builders, prediction
from joeynmt.config import parse_global_args
from joeynmt.training import TrainManager

Job = dict[str, Any]


def without_verbose(**settings: Any) -> Any:
    """The scheduler that JoeyNMT asks for with an argument that PyTorch has no more."""
    settings.pop("verbose")
    return torch.optim.lr_scheduler.ReduceLROnPlateau(**settings)


builders.ReduceLROnPlateau = without_verbose


def data_settings(data: Path) -> Job:
    """Where the data are, and how both sides are cut into pieces."""
    side: Job = {
        "level": "bpe",
        "max_length": 100,
        "voc_file": f"{data}/pieces.txt",
        "tokenizer_type": "sentencepiece",
        "tokenizer_cfg": {"model_file": f"{data}/pieces.model"},
    }
    return {
        "train": f"{data}/train",
        "dev": f"{data}/val",
        "dataset_type": "plain",
        "src": {"lang": "de", **side},
        "trg": {"lang": "en", **side},
    }


def model_settings() -> Job:
    """The shape of the model, of 13 million weights."""
    layers: Job = {
        "type": "recurrent",
        "rnn_type": "gru",
        "num_layers": 2,
        "dropout": 0.3,
        "embeddings": {"embedding_dim": 256, "dropout": 0.3},
    }
    decoder = {
        "hidden_size": 512,
        "attention": "luong",
        "init_hidden": "bridge",
        "input_feeding": True,
        "hidden_dropout": 0.3,
    }
    return {
        "tied_embeddings": True,
        "encoder": {"hidden_size": 256, "bidirectional": True, **layers},
        "decoder": {**decoder, **layers},
    }


def configuration(folder: Path, output: Path, batch: int, load: str | None) -> Job:
    """What JoeyNMT reads from YAML."""
    return {
        "name": "multi30k",
        "model_dir": str(output),
        "use_cuda": False,
        "random_seed": 1,
        "data": data_settings(folder / "data"),
        "model": model_settings(),
        "training": {
            "load_model": load,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "learning_rate_min": 0.00001,
            "scheduling": "plateau",
            "patience": 2,
            "decrease_factor": 0.5,
            "clip_grad_norm": 1.0,
            "label_smoothing": 0.1,
            "batch_size": batch,
            "batch_type": "sentence",
            "epochs": 1000,
            "validation_freq": 1000,
            "logging_freq": 100,
            "early_stopping_metric": "bleu",
            "keep_best_ckpts": 1,
            "print_valid_sents": [0],
        },
        "testing": {
            "load_model": load,
            "batch_size": 64,
            "max_output_length": 100,
            "eval_metrics": ["bleu"],
        },
    }


class Limited(TrainManager):  # type: ignore[misc]
    """JoeyNMT's own training, stopped after a time or a number of steps, and its tokens counted."""

    def limit(self, seconds: float, steps: int) -> None:
        """Stop as if by Ctrl-C, on which JoeyNMT writes a checkpoint."""
        self.seconds, self.most = seconds, steps
        self.tokens, self.taken, self.begin, self.end = 0, 0, 0.0, 0.0

    def _train_step(self, batch: Any) -> Any:
        self.end = perf_counter()
        # The first step is to warm up.
        self.begin = self.end if self.taken == 1 or not self.begin else self.begin
        if self.taken > self.most or self.end - self.begin > self.seconds:
            raise KeyboardInterrupt
        self.tokens += batch.ntokens if self.taken else 0
        self.taken += 1
        return super()._train_step(batch)


def train(folder: Path, output: Path, job: Job, load: str | None) -> Job:
    """Train for so many minutes or steps."""
    torch.set_num_threads(job["threads"])
    arguments = parse_global_args(configuration(folder, output, job["batch"], load), 0, "train")
    model, shown, held_out, _ = prediction.prepare(arguments, rank=0, mode="train")
    training = Limited(
        rank=0,
        model=model,
        model_dir=output,
        device=arguments.device,
        autocast=arguments.autocast,
        seed=arguments.seed,
        train_args=arguments.train,
        dev_args=arguments.test,
    )
    training.limit(60 * job.get("minutes", 1e9), job.get("steps", sys.maxsize))
    training.train_and_validate(train_data=shown, valid_data=held_out)
    return {"tokens": int(training.tokens), "seconds": training.end - training.begin}


class Translator:
    """A trained model, loaded once."""

    def __init__(self, folder: Path) -> None:
        output = folder / "joeynmt" / "model"
        best = output / "best.ckpt"
        load = str(best if best.exists() else output / "latest.ckpt")
        self.arguments = parse_global_args(configuration(folder, output, 64, load), 0, "translate")
        self.model, _, _, self.data = prediction.prepare(self.arguments, rank=0, mode="translate")
        self.seconds = 0.0
        search = prediction.search

        def timed(**given: Any) -> Any:
            begin = perf_counter()
            found = search(**given)
            self.seconds += perf_counter() - begin
            return found

        prediction.search = timed

    def translate(self, job: Job) -> Job:
        """Translate sentences in the order in which they come, so many at a time."""
        torch.set_num_threads(job["threads"])
        self.data.reset_cache()
        for sentence in job["sentences"]:
            self.data.set_item(sentence)
        how = self.arguments.test._replace(
            batch_size=job["batch"], batch_type="sentence", beam_size=job["beam"], beam_alpha=1.0
        )
        self.seconds = 0.0
        _, _, translations, *_ = prediction.predict(
            model=self.model,
            data=self.data,
            device=self.arguments.device,
            n_gpu=0,
            normalization="none",
            args=how,
            autocast=self.arguments.autocast,
        )
        return {"translations": translations, "seconds": self.seconds}


def answers(folder: Path, jobs: Iterable[Job]) -> Iterator[Job]:
    """Do one job after the other."""
    translator = None
    for job in jobs:
        if job["kind"] == "translate":
            translator = translator or Translator(folder)
            yield translator.translate(job)
        elif job["kind"] == "steps":
            with TemporaryDirectory() as scratch:
                yield train(folder, Path(scratch), job, None)
        else:
            output = folder / "joeynmt" / "model"
            output.mkdir(exist_ok=True)
            latest = output / "latest.ckpt"
            yield train(folder, output, job, str(latest) if latest.exists() else None)


if __name__ == "__main__":
    answer_to = sys.stdout
    with redirect_stdout(sys.stderr):
        for answer in answers(Path(sys.argv[1]), map(json.loads, sys.stdin)):
            print(json.dumps(answer), file=answer_to, flush=True)
