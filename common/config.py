"""Settings: TOML files and dictionaries to dataclasses, checked, and back."""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from common.errors import InputError

C = TypeVar("C")


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a TOML file and apply ``section.key=value`` overrides, whose values are TOML too.

    A value that is not TOML is taken as a string, so that ``--set data.images=photos`` works.

    Raises:
        InputError: The file cannot be read or is not TOML, or an override has no ``key=value``.
    """
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); give the path of a TOML recipe") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from error
    apply_overrides(recipe, overrides)
    return recipe


def apply_overrides(recipe: dict[str, Any], overrides: Sequence[str]) -> None:
    """Change a recipe as :func:`read_recipe` says. Raises InputError if there is no ``key=value``."""
    for override in overrides:
        name, equals, text = override.partition("=")
        *sections, key = name.strip().split(".")
        if not equals or not key:
            raise InputError(f"--set {override}: must be section.key=value, such as training.epochs=3")
        place = recipe
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise InputError(f"--set {override}: {section} is a value, not a section")
        try:
            place[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            place[key] = text.strip()


def build(kind: type[C], values: dict[str, Any], where: str) -> C:
    """Make the dataclass ``kind`` from ``values``, those of its fields that are dataclasses included.

    Args:
        kind: A dataclass.
        values: One entry for each field that is to differ from its default.
        where: Where the values come from, for messages.

    Raises:
        InputError: An unknown name (with the nearest known one), a missing or ill-typed value.
    """
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    hints = typing.get_type_hints(kind)
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(fields)}"
            raise InputError(f"{where}: unknown setting {name}; {hint}")
        default = fields[name].default_factory
        if isinstance(value, dict) and default is not dataclasses.MISSING:
            # What a section does not say is as in the default of this section, not of its kind.
            value = as_values(default()) | value
        made[name] = _convert(hints[name], value, f"{where}: {name}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in made:
            raise InputError(f"{where}: the setting {name} is missing")
    try:
        return kind(**made)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def as_values(config: Any) -> dict[str, Any]:
    """The dictionary that :func:`build` makes an equal dataclass from, fit for JSON."""
    return {name: _plain(value) for name, value in dataclasses.asdict(config).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check ``value`` against a type hint; whole numbers pass for floats, strings for paths."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (inner,) = (each for each in arguments if each is not type(None))
        return _convert(inner, value, where)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return build(typing.cast(type[Any], hint), value, where)
    if origin is typing.Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        places = (f"{where}[{index}]" for index in range(len(value)))
        return tuple(_convert(arguments[0], each, place) for each, place in zip(value, places, strict=True))
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise InputError(f"{where} must be {_described(hint)}, got {value!r}")


def _described(hint: Any) -> str:
    """What a type hint asks of a TOML or JSON value."""
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(hint)))
    if dataclasses.is_dataclass(hint):
        return "a section of settings"
    words = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    words |= {tuple: "a list", Path: "a path"}
    return words.get(typing.get_origin(hint) or hint, str(hint))
