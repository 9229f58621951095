"""What all tests share."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from common.training import Training

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Sums come out the same to the last bit only when one thread adds them up."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Every test starts from the same ones, whichever ran before it."""
    torch.manual_seed(0)


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def kill(monkeypatch) -> Callable[[int, Callable[[], object]], None]:
    """Run a training that dies at a step, before it has done anything for it."""

    def run(step_number: int, training: Callable[[], object]) -> None:
        def step(self, batch):
            if self.step_number == step_number:
                raise KilledError
            return real(self, batch)

        real = Training.step
        with monkeypatch.context() as patch:
            patch.setattr(Training, "step", step)
            with pytest.raises(KilledError):
                training()

    return run


@pytest.fixture
def assert_same_run() -> Callable[[Path, Path], None]:
    """Check that two output folders hold the same checkpoint, metrics and best model, to the bit."""

    def check(first: Path, second: Path) -> None:
        expected = load_file(first / "training.safetensors")
        found = load_file(second / "training.safetensors")
        assert expected.keys() == found.keys()
        assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
        progress = []
        for folder in (first, second):
            with safe_open(folder / "training.safetensors", "pt") as file:
                progress.append(file.metadata())
        assert progress[0] == progress[1]
        for name in ("metrics.jsonl", "best/model.safetensors", "best/config.json", "best/tokenizer.json"):
            assert (first / name).read_bytes() == (second / name).read_bytes(), name

    return check


class ParsedPage(HTMLParser):
    """What a page consists of: its elements, which must be closed in turn, their attributes, its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.names: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attributes
        if tag not in ("meta", "input", "br", "wbr", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@pytest.fixture(scope="session")
def parse() -> type[ParsedPage]:
    """Take a page of HTML apart."""
    return ParsedPage


@pytest.fixture(scope="session")
def assert_alone() -> Callable[[str], None]:
    """Check that a page names no address of anything but data within itself."""

    def check(page: str) -> None:
        parsed = ParsedPage(page)
        assert not {"link", "iframe", "object", "base", "form"} & set(parsed.names)
        assert not {"href", "action", "srcset", "xlink:href"} & {name for name, _ in parsed.attributes}
        assert all((value or "").startswith("data:") for name, value in parsed.attributes if name == "src")
        assert not re.search(
            r"https?:|//\w+\.|@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(",
            re.sub(r'src="data:[^"]*"', "", page),
        )
        assert "prefers-color-scheme: dark" in page
        assert 'name="viewport"' in page

    return check


@dataclass(frozen=True)
class Outcome:
    """What a run of a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        assert not self.out or self.out.endswith("\n")
        return self.out.split("\n")[:-1]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a child process is to have around it: one thread, and no locale to help with UTF-8."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "LC_ALL": "C", "PYTHONPATH": ""}


@pytest.fixture(scope="session")
def inwords(environment: dict[str, str]) -> Callable[..., Outcome]:
    """Run a command as a process, ``python -m common`` unless another module is named."""

    def run(*arguments: str | Path, stdin: bytes = b"", module: str = "common", cwd: Path = ROOT) -> Outcome:
        call = [sys.executable, "-m", module, *map(str, arguments)]
        done = subprocess.run(call, input=stdin, capture_output=True, env=environment, cwd=cwd, timeout=120)
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Outcome]]:
    """Run a command within this process, which is far quicker."""
    from common.cli import main

    def run(*arguments: str | Path, stdin: bytes | None = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status: Any = main([str(argument) for argument in arguments])
        except SystemExit as ending:
            status = ending.code
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    handler = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(scope="session")
def tiny_translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a translator of "de-en" and "en-de" that has learned nothing."""
    from common.decoder import DecoderConfig
    from common.tokenizer import Tokenizer
    from translation.encoder import EncoderConfig
    from translation.model import Translator
    from translation.records import TranslatorConfig

    torch.manual_seed(0)
    words = ["ein hund läuft durch den schnee", "a dog runs through the snow"]
    tokenizer = Tokenizer.train("byte-pair", words, vocabulary_size=290, special_tokens=["<de>", "<en>"])
    decoder = DecoderConfig(
        len(tokenizer), embedding_size=8, hidden_size=16, layers=1, summary_size=16, memory_size=16
    )
    config = TranslatorConfig(EncoderConfig(8, 8, 1), decoder, ("de-en", "en-de"), maximum_length=40)
    directory = tmp_path_factory.mktemp("models") / "translator"
    Translator(config, tokenizer).save(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_captioner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a captioner that has learned nothing."""
    from captioning.encoder import ImageEncoderConfig
    from captioning.model import Captioner, CaptionerConfig
    from common.decoder import DecoderConfig
    from common.tokenizer import Tokenizer

    torch.manual_seed(0)
    tokenizer = Tokenizer.train(
        "byte-pair", ["a dog runs through the snow"], vocabulary_size=275, special_tokens=["<en>"]
    )
    decoder = DecoderConfig(
        len(tokenizer), embedding_size=8, hidden_size=16, layers=1, summary_size=512, memory_size=16
    )
    config = CaptionerConfig(ImageEncoderConfig("resnet18", 64), decoder, ("en",), maximum_length=12)
    directory = tmp_path_factory.mktemp("models") / "captioner"
    Captioner(config, tokenizer).save(directory, "int8")
    return directory


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a character model that has learned nothing."""
    from common.decoder import DecoderConfig
    from common.generation.model import LanguageModel, LanguageModelConfig
    from common.tokenizer import Tokenizer

    torch.manual_seed(0)
    tokenizer = Tokenizer.train("character", ["To be, or not to be: that is the question.\n"])
    decoder = DecoderConfig(len(tokenizer), embedding_size=8, hidden_size=16, layers=1)
    directory = tmp_path_factory.mktemp("models") / "language-model"
    LanguageModel(LanguageModelConfig(decoder), tokenizer).save(directory)
    return directory
