"""Phrases of letters and of every day in four languages, written for this project.

Sentences about photographs and those of textbooks hardly have them. In place of names, amounts and
addresses stand the placeholders that a translator carries these over with.
"""

from collections import defaultdict
from pathlib import Path
from random import Random

from common.files import read_lines

LANGUAGES = ("en", "de", "fr", "cs")
_PHRASES = Path(__file__).parent / "phrases.tsv"
# Days of the week and months in the forms that phrases need: after "on", alone, in Czech's other cases.
_CALENDAR = Path(__file__).parent / "calendar.tsv"
# What a translator reads in place of what it does not know, such as a name; and a name that it does know.
_SIGNS = "①②③④⑤⑥⑦⑧⑨"
_NAMES = (*_SIGNS, "Tom")


def phrases(each: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Every phrase in all of :data:`LANGUAGES`, ``each`` times with other names and days, if it has any."""
    random, calendar, made = Random(seed), _calendar(), list[tuple[str, ...]]()
    for row in _rows(_PHRASES):
        for _ in range(each):
            day = random.randrange(7 * 12)
            shared = _names(random) | _numbers(random)
            forms = [
                {form: texts[day % len(texts)] for form, texts in each_form.items()} for each_form in calendar
            ]
            made.append(tuple(text.format(**shared, **form) for text, form in zip(row, forms, strict=True)))
    return list(dict.fromkeys(made))


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in read_lines(path)][1:]


def _calendar() -> list[dict[str, list[str]]]:
    """For each language all texts of each form, such as ``weekday``; of ``Weekday`` with a capital."""
    calendar = [defaultdict[str, list[str]](list) for _ in LANGUAGES]
    for form, *texts in _rows(_CALENDAR):
        for forms, text in zip(calendar, texts, strict=True):
            forms[form].append(text)
            forms[form.capitalize()].append(text[0].upper() + text[1:])
    return [dict(forms) for forms in calendar]


def _names(random: Random) -> dict[str, str]:
    name, other, place, one, another = random.sample(_NAMES, 5)
    return {"name": name, "other": other, "place": place, "sign": one if one in _SIGNS else another}


def _numbers(random: Random) -> dict[str, str]:
    hour, day = random.randint(6, 18), random.randint(1, 20)
    return {
        "number": str(random.randint(5, 30)),  # from five on Czech nouns are in one case
        "time": f"{hour}:{random.choice(('00', '15', '30', '45', '10', '40'))}",
        "other_time": f"{hour + random.randint(1, 4)}:{random.choice(('00', '15', '30', '45'))}",
        "day": str(day),
        "later_day": str(day + random.randint(1, 8)),
        "year": str(random.randint(1950, 2030)),
    }
