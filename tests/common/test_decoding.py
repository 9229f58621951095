import re

import pytest

from common.cli import Parser
from common.decoding import add_decoding, chosen_strategy, describe, items_at_once
from common.sampling import Sampling
from common.search import Beam


@pytest.fixture
def choose():
    """Parse decoding flags and choose by them."""

    def run(flags, default):
        parser = Parser(prog="inwords")
        add_decoding(parser, "its default")
        parser.set_defaults(usage=parser.error)
        return chosen_strategy(parser.parse_args(flags.split()), default)

    return run


@pytest.mark.parametrize(
    ("flags", "default", "expected"),
    [
        ("", Beam(5), Beam(5)),
        ("", Sampling(0.7), Sampling(0.7)),
        ("--beam 2", Beam(5), Beam(2)),
        ("--beam 2", Sampling(0.7), Beam(2)),
        ("--beam 4 --count 4", Beam(5), Beam(4, count=4)),
        ("--count 3", Beam(5), Beam(5, count=3)),
        ("--count 8", Beam(5), Beam(8, count=8)),
        ("--count 8", Sampling(0.7), Sampling(0.7, count=8)),
        ("--temperature 0", Beam(5), Sampling(0.0)),
        ("--temperature 0 --seed 4", Beam(5), Sampling(0.0, seed=4)),
        ("--temperature 1.5 --count 2", Beam(5), Sampling(1.5, count=2)),
        ("--top-k 5", Beam(5), Sampling(1.0, top_k=5)),
        ("--top-p 0.9 --seed 3", Beam(5), Sampling(1.0, top_p=0.9, seed=3)),
        ("--seed 3", Sampling(0.7), Sampling(0.7, seed=3)),
        ("--seed -3 --top-k 2", Sampling(0.7), Sampling(0.7, top_k=2, seed=-3)),
    ],
)
def test_flags_choose_the_strategy(choose, flags, default, expected):
    assert choose(flags, default) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--beam 3 --temperature 1", r"--beam searches and --temperature samples: give one"),
        ("--beam 3 --top-k 1", r"--beam searches and --top-k samples"),
        ("--beam 3 --top-p 0.5", r"--beam searches and --top-p samples"),
        ("--beam 3 --seed 0", r"--beam searches and --seed samples"),
        ("--seed 1", r"--seed is of samples: give --temperature"),
        ("--beam 3 --count 4", r"--count 4 needs a --beam at least as wide, got --beam 3"),
        ("--temperature 0 --count 2", r"--count 2 would be all the same"),
        ("--top-k 1 --count 2", r"--count 2 would be all the same"),
        ("--beam 0", r"--beam: must be a whole number from 1 to 1000, got 0"),
        ("--beam 1001", r"--beam: .*, got 1001"),
        ("--beam " + "9" * 5000, r"--beam: must be a whole number"),
        ("--beam 2.5", r"--beam: .*, got 2.5"),
        ("--count 0", r"--count: must be a whole number from 1 to 1000, got 0"),
        ("--count many", r"--count: .*, got many"),
        ("--temperature -1", r"--temperature must be a finite number of 0 or more, got -1"),
        ("--temperature nan", r"--temperature must be a finite number"),
        ("--temperature inf", r"--temperature must be a finite number"),
        ("--temperature warm", r"--temperature: invalid float value: 'warm'"),
        ("--top-k -1", r"--top-k must be 0 or more, got -1"),
        ("--top-p 1.5", r"--top-p must be from 0 to 1, got 1.5"),
        ("--seed one", r"--seed: invalid int value: 'one'"),
    ],
)
def test_contradictory_and_wrong_flags_are_usage_errors(choose, capsys, flags, message):
    with pytest.raises(SystemExit) as ending:
        choose(flags, Beam(5))
    assert ending.value.code == 2
    assert re.fullmatch(rf"error: .*{message}.*\n", capsys.readouterr().err)


def test_a_description_tells_strategies_apart():
    strategies = [
        Beam(5),
        Beam(4),
        Beam(5, length_penalty=0.5),
        Sampling(),
        Sampling(0.5),
        Sampling(seed=1),
        Sampling(top_k=5),
        Sampling(top_p=0.5),
    ]
    descriptions = [describe(strategy) for strategy in strategies]
    assert len(set(descriptions)) == len(strategies)
    assert descriptions[0] == "beam:5|length:1.0"
    assert describe(Sampling(0.5, 5, 0.9, seed=2)) == "temperature:0.5|seed:2|top-k:5|top-p:0.9"


@pytest.mark.parametrize(
    ("strategy", "usual", "expected"),
    [
        (Sampling(), 512, 512),
        (Beam(5), 512, 512),
        (Beam(10), 512, 256),
        (Sampling(count=1000), 512, 2),
        (Beam(1000), 1, 1),
    ],
)
def test_wider_strategies_take_fewer_items_at_once(strategy, usual, expected):
    assert items_at_once(strategy, usual) == expected
