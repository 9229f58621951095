import re

import pytest

from common.cli import Parser
from common.constraints import Constraints
from common.decoding import (
    add_constraints,
    add_decoding,
    chosen_constraints,
    chosen_strategies,
    chosen_strategy,
    describe,
    items_at_once,
)
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


@pytest.fixture
def constrain():
    """Parse the flags of constraints, and choose by them."""

    def run(*flags, whole=True):
        parser = Parser(prog="inwords")
        add_constraints(parser, whole=whole)
        parser.set_defaults(usage=parser.error)
        return chosen_constraints(parser.parse_args(flags))

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
        ("--length-penalty 0.5", Beam(5), Beam(5, 0.5)),
        ("--length-penalty -1", Beam(5, 0.8), Beam(5, -1.0)),
        ("--count 3", Beam(5, 0.8), Beam(5, 0.8, 3)),
        ("--beam 4 --length-penalty 0", Sampling(0.7), Beam(4, 0.0)),
        ("--beam 6 --count 3 --diversity 1", Beam(5), Beam(6, count=3, diversity=1.0)),
        ("--beam 6 --count 3 --diversity 0.5", Sampling(0.7), Beam(6, count=3, diversity=0.5)),
        ("--count 3 --diversity 1", Beam(5), Beam(6, count=3, diversity=1.0)),
        ("--count 7 --diversity 1", Beam(5), Beam(7, count=7, diversity=1.0)),
        ("--diversity 0", Beam(5), Beam(5)),
        ("--beam 5 --count 3 --diversity 0", Beam(5), Beam(5, count=3)),
        ("--temperature 0", Beam(5), Sampling(0.0)),
        ("--temperature 0 --seed 4", Beam(5), Sampling(0.0, seed=4)),
        ("--temperature 1.5 --count 2", Beam(5), Sampling(1.5, count=2)),
        ("--top-k 5", Beam(5), Sampling(1.0, top_k=5)),
        ("--top-p 0.9 --seed 3", Beam(5), Sampling(1.0, top_p=0.9, seed=3)),
        ("--seed 3", Sampling(0.7), Sampling(0.7, seed=3)),
        ("--greedy", Beam(5), Sampling(0.0)),
        ("--greedy", Sampling(0.7), Sampling(0.0)),
        ("--min-p 0.1", Sampling(0.7), Sampling(0.7, min_p=0.1)),
        ("--min-p 0.1 --temperature 2", Beam(5), Sampling(2.0, min_p=0.1)),
        ("--typical 0.9 --top-k 9", Beam(5), Sampling(1.0, top_k=9, typical=0.9)),
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
        ("--min-p 1.5", r"--min-p must be from 0 to 1, got 1.5"),
        ("--typical nan", r"--typical must be from 0 to 1, got nan"),
        ("--beam 3 --typical 0.5", r"--beam searches and --typical samples: give one"),
        ("--beam 3 --greedy", r"--beam searches and --greedy takes the likeliest: give one"),
        ("--greedy --temperature 0.5", r"--greedy always takes the likeliest: give no --temperature with it"),
        ("--greedy --min-p 0.5", r"--greedy always takes the likeliest: give no --min-p with it"),
        ("--greedy --count 2", r"--count 2 would be all the same"),
        ("--greedy --length-penalty 1", r"--length-penalty is of a beam"),
        ("--seed one", r"--seed: invalid int value: 'one'"),
        ("--temperature 1 --length-penalty 1", r"--length-penalty is of a beam: give --beam with it"),
        ("--temperature 1 --count 2 --diversity 1", r"--diversity is of a beam: give --beam with it"),
        ("--seed 1 --diversity 1 --count 2", r"--diversity is of a beam"),
        ("--diversity 1", r"--diversity keeps several results apart: give --count with it"),
        ("--beam 5 --count 3 --diversity 1", r"--beam must be a multiple of --count 3, got 5"),
        ("--count 2 --diversity -1", r"--diversity must be a finite number of 0 or more, got -1.0"),
        ("--count 2 --diversity nan", r"--diversity must be a finite number"),
        ("--length-penalty 1000", r"--length-penalty must be from -10 to 10, got 1000.0"),
        ("--length-penalty inf", r"--length-penalty must be from -10 to 10, got inf"),
    ],
)
def test_contradictory_and_wrong_flags_are_usage_errors(choose, capsys, flags, message):
    with pytest.raises(SystemExit) as ending:
        choose(flags, Beam(5))
    assert ending.value.code == 2
    assert re.fullmatch(rf"error: .*{message}.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", [Sampling(0.7)]),
        ("--beam 2", [Beam(2)]),
        ("--temperature 0.5", [Sampling(0.5)]),
        ("--temperature 0,0.5,2 --seed 4", [Sampling(each, seed=4) for each in (0.0, 0.5, 2.0)]),
        ("--temperature 1,2 --count 3 --top-k 5", [Sampling(each, 5, count=3) for each in (1.0, 2.0)]),
    ],
)
def test_a_strategy_for_each_temperature(flags, expected):
    parser = Parser(prog="inwords")
    add_decoding(parser, "its default", temperatures=True)
    assert chosen_strategies(parser.parse_args(flags.split()), Sampling(0.7)) == expected


@pytest.mark.parametrize("flags", ["--length-penalty 1", "--count 2 --diversity 1"])
def test_flags_of_a_beam_without_one(choose, capsys, flags):
    with pytest.raises(SystemExit) as ending:
        choose(flags, Sampling(0.7))
    assert ending.value.code == 2
    assert re.fullmatch(r"error: .* is of a beam: give --beam with it.*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), Constraints()),
        (("--prefix", "A dog "), Constraints(prefix="A dog ")),
        (("--ban", "dog", "--ban", "New York"), Constraints(ban=("dog", "New York"))),
        (("--no-repeat-ngram", "3"), Constraints(no_repeat_ngram=3)),
        (("--repetition-penalty", "1.2"), Constraints(repetition_penalty=1.2)),
        (("--min-length", "4", "--max-length", "9"), Constraints(min_length=4, max_length=9)),
        (("--min-length", "0"), Constraints(min_length=0)),
    ],
)
def test_flags_choose_the_constraints(constrain, flags, expected):
    assert constrain(*flags) == expected


def test_what_continues_has_no_beginning_and_length_of_its_own(constrain, capsys):
    expected = Constraints(ban=("dog",), no_repeat_ngram=2, repetition_penalty=1.5, min_length=0)
    flags = ("--ban", "dog", "--no-repeat-ngram", "2", "--repetition-penalty", "1.5")
    assert constrain(*flags, whole=False) == expected
    for flag in ("--prefix", "--min-length", "--max-length"):
        with pytest.raises(SystemExit):
            constrain(flag, "1", whole=False)
        assert f"unrecognized arguments: {flag} 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--ban", ""), r"--ban must not be an empty word"),
        (("--prefix", "A dog", "--ban", "dog"), r"--prefix must not have the banned word 'dog' in it"),
        (("--no-repeat-ngram", "-1"), r"--no-repeat-ngram must be 0 or more, got -1"),
        (("--no-repeat-ngram", "two"), r"--no-repeat-ngram: invalid int value: 'two'"),
        (("--repetition-penalty", "0"), r"--repetition-penalty must be from 0.01 to 100, got 0.0"),
        (("--repetition-penalty", "nan"), r"--repetition-penalty must be from 0.01 to 100, got nan"),
        (("--min-length", "-1"), r"--min-length must be 0 or more, got -1"),
        (("--max-length", "0"), r"--max-length must be at least 1, got 0"),
        (("--min-length", "5", "--max-length", "4"), r"--max-length must be at least 5, got 4"),
    ],
)
def test_wrong_constraints_are_usage_errors(constrain, capsys, flags, message):
    with pytest.raises(SystemExit) as ending:
        constrain(*flags)
    assert ending.value.code == 2
    assert re.fullmatch(rf"error: .*{message}.*\n", capsys.readouterr().err)


def test_a_description_tells_strategies_apart():
    strategies = [
        Beam(5),
        Beam(4),
        Beam(5, length_penalty=0.5),
        Beam(4, count=2, diversity=1.0),
        Beam(4, count=2, diversity=2.0),
        Sampling(),
        Sampling(0.5),
        Sampling(seed=1),
        Sampling(top_k=5),
        Sampling(top_p=0.5),
        Sampling(min_p=0.5),
        Sampling(typical=0.5),
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
