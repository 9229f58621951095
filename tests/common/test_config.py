from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from common.config import as_values, build, read_recipe
from common.errors import InputError


@dataclass(frozen=True)
class Pair:
    source: Path
    target: Path | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Shape:
    layers: int = 2
    attention: bool = True
    cell: Literal["lstm", "gru"] = "lstm"

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, got {self.layers}")


@dataclass(frozen=True)
class Recipe:
    output: Path
    pairs: tuple[Pair, ...]
    words: tuple[str, ...] = ("left",)
    name: str = "nobody"
    shape: Shape = field(default_factory=Shape)


VALUES: dict[str, Any] = {"output": "runs", "pairs": [{"source": "a.txt"}]}


def recipe_file(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_build_converts_paths_numbers_sections_and_lists_of_sections(tmp_path):
    path = recipe_file(
        tmp_path,
        """
        output = "runs/a"
        words = ["left", "right"]

        [[pairs]]
        source = "a.txt"
        share = 1

        [[pairs]]
        source = "b.tsv"
        target = "c.txt"

        [shape]
        cell = "gru"
        attention = false
        """,
    )
    recipe = build(Recipe, read_recipe(path), str(path))
    assert recipe == Recipe(
        output=Path("runs/a"),
        pairs=(Pair(Path("a.txt"), None, 1.0), Pair(Path("b.tsv"), Path("c.txt"))),
        words=("left", "right"),
        shape=Shape(cell="gru", attention=False),
    )
    assert isinstance(recipe.pairs[0].share, float)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(Path("runs"), ()),
        Recipe(
            Path("a/b"), (Pair(Path("x")), Pair(Path("y"), Path("z"), 0.25)), (), "ü", Shape(3, False, "gru")
        ),
    ],
)
def test_values_build_the_same_again(recipe):
    values = as_values(recipe)
    assert build(Recipe, values, "here") == recipe
    assert values["output"] == str(recipe.output)
    assert isinstance(values["pairs"], list)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shap": {}}, r"^here: unknown setting shap; did you mean shape\?$"),
        ({"zzz": 1}, r"^here: unknown setting zzz; known: output, pairs, words, name, shape$"),
        ({"shape": {"layer": 1}}, r"^here: shape: unknown setting layer; did you mean layers\?$"),
        ({"shape": {"layers": "2"}}, r"^here: shape: layers must be a whole number, got '2'$"),
        ({"shape": {"layers": 2.0}}, r"layers must be a whole number, got 2\.0$"),
        ({"shape": {"layers": True}}, r"layers must be a whole number, got True$"),
        ({"shape": {"layers": 0}}, r"^here: shape: layers must be at least 1, got 0$"),
        ({"shape": {"attention": 1}}, r"attention must be true or false, got 1$"),
        ({"shape": {"cell": "lstn"}}, r"cell must be 'lstm' or 'gru', got 'lstn'$"),
        ({"shape": 3}, r"^here: shape must be a section of settings, got 3$"),
        ({"pairs": "a.txt"}, r"^here: pairs must be a list, got 'a.txt'$"),
        ({"pairs": ["a.txt"]}, r"^here: pairs\[0\] must be a section of settings, got 'a.txt'$"),
        (
            {"pairs": [{"source": "a"}, {"sauce": "b"}]},
            r"^here: pairs\[1\]: unknown setting sauce; did you mean",
        ),
        ({"pairs": [{}]}, r"^here: pairs\[0\]: the setting source is missing$"),
        ({"pairs": [{"source": 1}]}, r"source must be a path, got 1$"),
        ({"pairs": [{"source": "a", "target": False}]}, r"target must be a path, got False$"),
        ({"pairs": [{"source": "a", "share": "half"}]}, r"share must be a number, got 'half'$"),
        ({"pairs": [{"source": "a", "share": True}]}, r"share must be a number, got True$"),
        ({"words": "left"}, r"words must be a list, got 'left'$"),
        ({"words": [1]}, r"words\[0\] must be a string, got 1$"),
        ({"name": None}, r"name must be a string, got None$"),
    ],
)
def test_wrong_settings(values, message):
    with pytest.raises(InputError, match=message):
        build(Recipe, VALUES | values, "here")


def test_a_missing_setting():
    with pytest.raises(InputError, match=r"^here: the setting output is missing$"):
        build(Recipe, {"pairs": []}, "here")


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("output=runs/b", None, "output", "runs/b"),
        ("output = 'runs/c'", None, "output", "runs/c"),
        ("shape.layers=4", "shape", "layers", 4),
        ("shape.attention=false", "shape", "attention", False),
        ("training.epochs=3", "training", "epochs", 3),
        ('words=["a", "b"]', None, "words", ["a", "b"]),
        ("shape.cell=a=b", "shape", "cell", "a=b"),
        ("name=", None, "name", ""),
    ],
)
def test_overrides(tmp_path, override, section, key, value):
    path = recipe_file(tmp_path, 'output = "runs/a"\n[shape]\nlayers = 1\n')
    recipe = read_recipe(path, [override])
    assert (recipe if section is None else recipe[section])[key] == value
    assert recipe["shape"]["layers"] == (4 if key == "layers" else 1)


def test_the_last_override_counts(tmp_path):
    path = recipe_file(tmp_path, "a = 1")
    assert read_recipe(path, ["a=2", "a=3"]) == {"a": 3}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", r"^--set epochs: must be section.key=value"),
        ("=3", r"^--set =3: must be section.key=value"),
        ("training.=3", r"must be section.key=value"),
        ("a.b=3", r"^--set a.b=3: a is a value, not a section$"),
        ("list.0=3", r"list is a value, not a section$"),
    ],
)
def test_wrong_overrides(tmp_path, override, message):
    path = recipe_file(tmp_path, "a = 1\nlist = [1, 2]\n")
    with pytest.raises(InputError, match=message):
        read_recipe(path, [override])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"recipe\.toml: cannot be read \(No such file or directory\)"),
        (b"a = = 1", r"recipe\.toml: not valid TOML: .*line 1"),
        (b'a = "\xff"', r"recipe\.toml: cannot be read \(.*utf-8"),
    ],
)
def test_unreadable_recipes(tmp_path, content, message):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_recipe(path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read_recipe(path) == {"a": 1}


@dataclass(frozen=True)
class Inner:
    size: int = 1
    rate: float = 0.5


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=lambda: Inner(rate=0.0))


def test_a_section_goes_on_from_its_own_default():
    assert build(Outer, {"inner": {"size": 3}}, "recipe") == Outer(Inner(3, 0.0))
    assert build(Outer, {"inner": {"rate": 2}}, "recipe") == Outer(Inner(1, 2.0))
    assert build(Outer, {}, "recipe") == Outer(Inner(1, 0.0))
