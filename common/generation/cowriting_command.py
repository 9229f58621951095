"""``inwords generate --interactive``: a person and a model take turns.

The talk goes to standard error, so that standard output gets the text and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.generation.cowriting import Wish, joined, understand

if TYPE_CHECKING:
    from common.generation.cowriting import Offer, Partner
    from common.generation.draft import Draft

_SHOWN = 400  # characters of the text before each question
_HELP = """\
  1, 2, ...    take this offer
  some text    add it; \\n in it is a line break; a space first for a number or a / to be text
  (nothing)    let the model write a sentence (Ctrl-C stops it)
  /other       other offers
  /undo        take the last addition back
  /save FILE   write the text to a file
  /quit        end and print the text; so do Ctrl-D and Ctrl-C"""


def write_together(partner: Partner, prompt: str, offers: int) -> str:
    """Talk until the person has had enough; returns the text."""
    _say("Write together: a number takes an offer, Enter lets the model write, /help says more.")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    drafts = [partner.model.read(prompt)]
    with suppress(EOFError, KeyboardInterrupt):
        while _take_turn(partner, drafts, offers):
            pass
    _say("")
    return drafts[-1].text


def _take_turn(partner: Partner, drafts: list[Draft], count: int) -> bool:
    """Ask until the draft changes, and append what it becomes, or take the last away; False to end."""
    again = 0
    offers = _show(partner, drafts[-1], count, again)
    while True:
        wish = understand(_ask(), len(offers))
        try:
            match wish.kind:
                case "quit":
                    return False
                case "undo" if len(drafts) > 1:
                    drafts.pop()
                    return True
                case "undo":
                    _say("there is nothing to take back")
                case "other":
                    again += 1
                    offers = _show(partner, drafts[-1], count, again)
                case "save":
                    _save(drafts[-1].text, Path(wish.argument).expanduser())
                case "help" | "wrong":
                    _say(wish.argument or _HELP)
                case _:
                    drafts.append(partner.model.read(_added(partner, drafts[-1], wish, offers), drafts[-1]))
                    return True
        except InputError as error:
            _say(f"error: {error}")


def _added(partner: Partner, draft: Draft, wish: Wish, offers: Sequence[Offer]) -> str:
    """What is to be added to the draft."""
    if wish.kind == "take":
        return offers[int(wish.argument) - 1].text
    if wish.kind == "go on":
        return _listen(partner, draft)
    if unknown := partner.model.tokenizer.unknown(wish.argument):
        _say(f"note: the model has never seen {', '.join(map(repr, unknown))}; it reads on without")
    return joined(draft.text, wish.argument)


def _show(partner: Partner, draft: Draft, count: int, again: int) -> Sequence[Offer]:
    """Show the end of the text and what may come next."""
    shown = draft.text if len(draft.text) <= _SHOWN else "…" + draft.text[-_SHOWN:]
    _say(f"\n{shown}\n")
    try:
        offers = partner.offers(draft, count, again)
    except InputError as error:
        _say(f"no offers: {error}")
        return []
    in_word = draft.text[-1:].isalnum()
    for number, offer in enumerate(offers, 1):
        text = offer.text.replace("\n", "⏎ ")
        text = f"…{text}" if in_word and text[:1].isalnum() else text.strip()
        _say(f"  {number}  {text:<32} {offer.probability:6.1%}")
    return offers


def _ask() -> str:
    """The line that is typed. Raises EOFError at the end."""
    if sys.stdin is None:
        raise EOFError
    if sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 (the arrow keys then move within the line)
        return input("> ")
    print("> ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def _listen(partner: Partner, draft: Draft) -> str:
    """Show what the model writes while it does; all that it had written when Ctrl-C is pressed."""
    written = ""
    with suppress(KeyboardInterrupt):
        for piece in partner.sentence(draft):
            print(piece, end="", file=sys.stderr, flush=True)
            written += piece
    _say("")
    return written


def _save(text: str, path: Path) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another file") from error
    _say(f"saved to {path}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
