"""The benchmarks: that they measure what they say, and that a changed output does not pass."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest
import torch

from common.beam import Beam
from common.decoder import Decoder, DecoderConfig
from common.errors import InputError
from common.rules import Rules
from common.search import decode
from common.tokenizer import Tokenizer
from tests.benchmarks import captioning, generation, limits, translation
from tests.benchmarks.__main__ import main
from tests.benchmarks.measurement import Measurement, Settings
from tests.benchmarks.peers import Peer, PeerError, available
from tests.benchmarks.plain import search
from tests.benchmarks.scaling import Curve, Series, draw
from tests.benchmarks.start import Finished, run
from tests.benchmarks.table import number, table
from tests.benchmarks.timing import in_rounds, repeated

ROOT = Path(__file__).parents[1]


def test_works_take_turns_and_medians_count():
    done, seconds = [], {"ours": iter([50.0, 3.0, 1.0, 9.0]), "theirs": iter([70.0, 2.0, 8.0, 4.0])}

    def work(name):
        def once():
            done.append(name)
            return next(seconds[name])

        return once

    # The first of each is the warm-up, which does not count.
    assert in_rounds({name: work(name) for name in seconds}, 3) == {"ours": 3.0, "theirs": 4.0}
    assert done == ["ours", "theirs"] * 4


def test_without_warm_up_every_round_counts():
    assert in_rounds({"one": iter([4.0, 6.0]).__next__}, 2, warm_up=False) == {"one": 5.0}


def test_repeated_work_is_timed_for_one_time():
    calls = []
    whole = repeated(lambda: calls.append(sum(range(20_000))), 50)
    assert 0 < whole() < 0.1
    assert len(calls) == 50


def test_the_ratio_is_the_value_over_the_limit():
    assert Measurement("a", 30.0, "s", "b", 20.0).ratio == 1.5
    assert Measurement("a", 30.0, "s").ratio is None


def test_the_table_is_aligned():
    shown = table(
        [
            Measurement("translation", 1234.5, "sentences/s", "a peer", 100.0, "BLEU 40.00"),
            Measurement("start", 0.25, "s"),
        ]
    )
    assert shown.splitlines() == [
        "what         value  unit         beside  its value  ratio",
        "translation  1,230  sentences/s  a peer        100   12.3  BLEU 40.00",
        "start        0.250  s",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (0.012345, "0.0123"), (9.999, "10.0"), (123.4, "123"), (999.7, "1,000"), (12345, "12,300")],
)
def test_numbers_have_three_digits_that_count(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("plain", "peers", "wrong"),
    [
        (40.05, {"JoeyNMT": 39.9}, []),
        (40.2, {}, ["plain path"]),
        (39.8, {}, ["plain path"]),
        (40.0, {"JoeyNMT": 40.1, "OpenNMT": 40.0}, ["below JoeyNMT's 40.10"]),
        (41.0, {"JoeyNMT": 41.0}, ["plain path", "below JoeyNMT's"]),
    ],
)
def test_what_is_wrong_with_translations_is_said(plain, peers, wrong):
    found = translation.complaints("greedy", 40.0, plain, peers)
    assert len(found) == len(wrong)
    assert [part for part, said in zip(wrong, found, strict=True) if part not in said] == []


def test_of_few_translations_one_in_ten_may_differ():
    assert translation.complaint_of_few("one at a time", 2, 20) == []
    (said,) = translation.complaint_of_few("one at a time", 3, 20)
    assert said.startswith("one at a time: 3 of 20 translations")


def test_texts_are_prepared_by_the_plain_path_as_by_the_product():
    texts = ["Ein Hund rennt. Er bellt laut!", "Kowalczyk schreibt an tom@example.org", "", "  😀 12:30"]
    translator = translation.load_plain()
    found = translation.plain_texts(translator, texts, Beam(3, 0.8))
    assert found == [result.text for result in translator.translate(texts, "de", "en", Beam(3, 0.8))]
    assert "tom@example.org" in found[1]


def test_what_is_wrong_with_captions_is_said():
    assert captioning.complaints("x", (60, 40, 30, 20.0), (60.05, 40, 30, 20.05)) == []
    (said,) = captioning.complaints("x", (60, 40, 30, 20.0), (60, 40, 30.2, 20))
    assert "BLEU-3 is 30.00 and by the plain path in float32 30.20" in said


@pytest.mark.parametrize("beam", [Beam(1), Beam(3), Beam(3, 0.0), Beam(6, 1.5)], ids=str)
def test_the_plain_search_finds_what_the_product_finds(beam):
    tokenizer = Tokenizer.train("character", ["abcdefgh"], special_tokens=["<en>"])
    torch.manual_seed(1)
    decoder = Decoder(DecoderConfig(len(tokenizer), 8, 8, 2)).eval()
    torch.nn.init.normal_(decoder.embedding.weight, std=2.0)
    special = [tokenizer.special(token) for token in tokenizer.special_tokens]
    forbidden = tuple(id_ for id_ in special if id_ != Tokenizer.EOS)
    for tag in range(len(tokenizer)):
        with torch.inference_mode():
            state = decoder.start_empty(1)
            ((expected, *_),) = decode(
                decoder, state, torch.tensor([[tag]]), beam, Rules(Tokenizer.EOS, 12, forbidden=forbidden)
            )
        assert search(decoder, state, tag, beam, tokenizer, 12) == list(expected.tokens)


def test_the_multiplications_of_a_decoder():
    decoder = Decoder(DecoderConfig(10, 3, 4, 1, summary_size=5, memory_size=6, heads=2))
    item, place, token = limits.reading(decoder)
    assert item == 5 * 2 * 4  # from the summary to both parts of the state
    assert place == 6 * 4 + 6 * 4  # keys and values
    gates, attention, bottleneck, output = 4 * 4 * (3 + 4), 4 * 4 + 4 * 4, 4 * 3, 3 * 10
    assert token == gates + attention + bottleneck + output


def test_the_rate_is_that_of_the_faster_kind():
    products = limits.all_kinds(2)
    operations = 2 * 2 * 8 * 512 * 2048
    seconds = {"float32 products": 2.0, "bfloat16 products": 0.5, "int8 products": 1.0}
    assert limits.best_rate(products, seconds) == ("bfloat16 products", 2 * operations)


def test_a_process_is_measured_and_not_its_parent():
    nothing = run((sys.executable, "-S", "-c", "pass"), 1)
    much = run((sys.executable, "-S", "-c", "import time; a = b'x' * 100_000_000; time.sleep(0.1)"), 1)
    # This process, with PyTorch, has some hundreds.
    assert nothing.megabytes < 60
    assert 90 < much.megabytes - nothing.megabytes < 120
    assert much.seconds > 0.1


def test_a_process_that_fails_is_no_figure():
    with pytest.raises(InputError, match="ended with status 3: no such thing"):
        run((sys.executable, "-S", "-c", "import os; os.write(2, b'no such thing'); os._exit(3)"), 1)


def test_a_peer_answers_until_it_ends():
    script = "import json, sys; print(json.dumps({'got': json.loads(input())})); sys.exit('tired')"
    with (
        TemporaryFile() as said,
        subprocess.Popen(
            [sys.executable, "-S", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        peer = Peer("somebody", process, said)
        assert peer.ask(kind="translate", batch=3) == {"got": {"kind": "translate", "batch": 3}}
        process.wait()
        with pytest.raises(PeerError, match=r"somebody ended without an answer(?s:.*)tired"):
            peer.ask(kind="translate")


def test_peers_take_part_only_if_wanted_and_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert available(Settings()) == []
    model = tmp_path / ".peers" / "opennmt" / "model"
    model.mkdir(parents=True)
    (model.parent / "set-up").touch()
    assert available(Settings()) == []
    assert available(Settings(), trained=False) == ["OpenNMT-py 3.5"]
    (model / "multi30k_step_6.pt").touch()
    assert available(Settings()) == ["OpenNMT-py 3.5"]
    assert available(Settings(peers=False)) == []


def test_curves_are_drawn_without_what_starting_takes(tmp_path):
    series = Series("photographs", (10, 100), lambda folder, amount: (), lambda folder, amount: ())
    curve = Curve(series, Finished(2.0, 300.0), [Finished(3.0, 310.0), Finished(12.5, 315.0)])
    assert curve.seconds == [1.0, 10.5]
    figure = draw([curve] * 4)
    figure.savefig(tmp_path / "scaling.svg")
    measured, proportional = figure.axes[0].lines
    assert list(measured.get_ydata()) == [1.0, 10.5]
    assert list(proportional.get_ydata()) == [pytest.approx(1.05), 10.5]


def test_the_command_writes_a_table_and_json(tmp_path):
    path = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--threads", "1"]
    found = subprocess.run(
        [*command, "--only", "limits", "generation", "--json", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["failures"] == []
    assert record["settings"]["quick"]
    assert record["machine"]["torch"] == torch.__version__
    measurements = record["measurements"]
    assert len(found.stdout.splitlines()) == 1 + len(measurements)
    assert "measuring generation" in found.stderr
    names = [each["name"] for each in measurements]
    assert "limits, float32 products of 1 rows" in names
    assert "generation, greedy" in names
    for each in measurements:
        assert each["value"] > 0
        assert each["ratio"] == (each["value"] / each["limit"] if each["limit"] else None)
    assert all(each["limit"] for each in measurements if each["name"].startswith("generation"))


def spoiled(model):
    """The model with other weights in its output layer."""
    with torch.no_grad():
        model.decoder.bias.add_(torch.linspace(-3, 3, len(model.decoder.bias)))
    return model


@pytest.mark.parametrize("part", [generation, translation], ids=["generation", "translation"])
def test_a_changed_output_is_a_failure(part, monkeypatch, capsys):
    if part is translation:
        shared = ROOT / "../shared/data/multi30k/test_2016_flickr"
        monkeypatch.setattr(translation, "TEST_SET", shared)
        if not shared.with_name("test_2016_flickr.de.gz").is_file():
            pytest.skip("Multi30k is not in ../shared/data/multi30k")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", ""))
    load = part.load
    monkeypatch.setattr(part, "load", lambda *given: spoiled(load(*given)))
    name = part.__name__.rpartition(".")[2]
    assert main(["--quick", "--threads", "1", "--no-peers", "--only", name]) == 1
    assert f"FAILED: {name}, greedy" in capsys.readouterr().err


def test_a_part_without_its_data_is_a_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", ""))
    assert main(["--quick", "--threads", "1", "--no-peers", "--only", "captioning"]) == 1
    assert "FAILED: captioning: datasets/flickr8k" in capsys.readouterr().err
