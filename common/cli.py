"""The command line ``inwords``: finds the applications' commands, runs one, reports what went wrong.

Nothing here, and nothing that a ``commands`` module imports at its top, may import
PyTorch: ``inwords --help`` answers at once.
"""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any, NoReturn

from common.errors import InputError
from common.memory import keep_freed_memory
from common.threads import use_threads


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        path: Its words, such as ``("evaluate", "captions")``.
        help: What it does, in a line.
        configure: Adds its arguments to a parser.
        run: Does it; returns the exit status.
        default: Whether it is meant where its group is named and none of the group's commands:
            ``inwords score photo.jpg`` is ``inwords score caption photo.jpg``.
    """

    path: tuple[str, ...]
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    default: bool = False


@dataclass(frozen=True)
class Application:
    """What an application brings to the command line, under the entry point ``inwords.applications``.

    Attributes:
        commands: Its commands.
        built_in: The directory of its built-in model.
    """

    commands: tuple[Command, ...]
    built_in: Path


GROUPS = {
    "evaluate": "measure a model on data of yours",
    "score": "say how probable given texts are",
    "train": "train a model",
}
PLACE = "WHAT"
EPILOG = """examples:
  inwords caption photo.jpg
  inwords translate --from de --to en "Ein Hund läuft durch den Schnee."
  inwords generate "ROMEO:" --temperature 0.7
"""


class Parser(argparse.ArgumentParser):
    """Reports a wrong call in one line, status 2.

    Attributes:
        members: Of a group with a default, the names of its commands.
        default: That which is meant where none is named.
    """

    members: Container[str] = ()
    default: str | None = None

    def parse_known_args(  # type: ignore[override]  # its overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse, having put in the name of the group's default where none of its commands is named."""
        if self.default and args and args[0] not in self.members and args[0] not in ("-h", "--help"):
            args = [self.default, *args]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"error: {' '.join(message.split())} (see {self.prog} --help)\n")


def applications() -> list[Application]:
    """All installed applications, in a fixed order."""
    found = sorted(entry_points(group="inwords.applications"), key=lambda entry: entry.name)
    return [entry.load() for entry in found]


def make_parser(commands: Sequence[Command]) -> Parser:
    """The parser of all commands; the chosen one is left in ``run``."""
    parser = Parser(
        prog="inwords",
        description="Pictures and sentences, in words: captions photographs, translates, continues texts.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"inwords {version('inwords')}")
    top = parser.add_subparsers(metavar="COMMAND", required=True)
    groups: dict[str, argparse._SubParsersAction[Parser]] = {}
    for command in commands:
        place = top
        if len(command.path) == 2:
            group = command.path[0]
            if group not in groups:
                inner = top.add_parser(group, help=GROUPS[group], description=GROUPS[group])
                groups[group] = inner.add_subparsers(metavar=PLACE, required=True)
            place = groups[group]
            if command.default:
                top.choices[group].members, top.choices[group].default = place.choices, command.path[1]
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        line = f"{command.help} (meant where no {PLACE} is named)" if command.default else command.help
        leaf = place.add_parser(command.path[-1], help=line, description=sentence)
        command.configure(leaf)
        leaf.set_defaults(run=command.run, usage=leaf.error)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 after an error, 2 for a wrong call."""
    for name in ("stdout", "stderr"):
        # None where the caller closed the stream, as the shell's >&- does.
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115
        # Whatever the locale, words of any language can be written. The name of a file need not be
        # text: what is not becomes an escape, which JSON reads back.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        setattr(sys, name, stream)
    signal.signal(signal.SIGTERM, _stop)
    # What Pillow warns about are odd pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        commands = [command for application in applications() for command in application.commands]
        options = make_parser(commands).parse_args(arguments)
        if "threads" in options:
            if "torch" not in sys.modules:  # otherwise this is somebody else's program
                keep_freed_memory()
            use_threads(options.threads)
        status: int = options.run(options)
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has had enough, as `head` does: no fault.
        _forget_output()
        return 0
    except OSError as error:
        # Readers and writers of files report theirs as InputError: what is left is mostly standard output.
        _forget_output()
        print(f"error: {error.filename or 'standard output'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return status


def report(line: str) -> None:
    """Show a line to the person who waits, apart from the results and above a progress bar."""
    from tqdm import tqdm

    tqdm.write(line, file=sys.stderr)


def _stop(signal_number: int, frame: object) -> NoReturn:
    """End as after an error, so that what is half written is removed."""
    sys.exit(128 + signal_number)


def _forget_output() -> None:
    """What is still to be written cannot be: let Python not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
