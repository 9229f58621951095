import random
from pathlib import Path

import pytest

from data.tidy import tidy_caption


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Tokenised punctuation, apostrophes, quotation marks and brackets.
        ("A dog 's ball , on the grass .", "A dog's ball, on the grass."),
        ("There are two dogs ; one leaps over", "There are two dogs; one leaps over."),
        ("something that ca n't be seen", "Something that can't be seen."),
        ("Two boys ' football teams compete .", "Two boys' football teams compete."),
        ("an ant 's-eye-view", "An ant's-eye-view."),
        ('a sign saying " down and out " .', 'A sign saying "down and out".'),
        ('a sign that says , " Red Light . "', 'A sign that says, "Red Light".'),
        ('a wall which says " Where are you ? "', 'A wall which says "Where are you?".'),
        ('a card reading " know what this is " ?', 'A card reading "know what this is"?'),
        ("entitled ' Other People 's Photographs ' .", "Entitled 'Other People's Photographs'."),
        ("three dogs ( one white ) play", "Three dogs (one white) play."),
        ("a jersey ( # 7 ) .", "A jersey (#7)."),
        # Slips, stray marks and endings.
        ("a dog", "A dog."),
        ("A city street ,", "A city street."),
        ("doing paperwork , .", "Doing paperwork."),
        ("Ein Mann fällt einen Baum..", "Ein Mann fällt einen Baum."),
        ("something in his mouth . a", "Something in his mouth."),
        ("Surfer auf der Welle.q", "Surfer auf der Welle."),
        ("Seifenblasen auf der Wiese. :-)", "Seifenblasen auf der Wiese."),
        ('auf dem "The Rescue" steht"', 'Auf dem "The Rescue" steht.'),
        ("sitting in an adult '", "Sitting in an adult."),
        ("Three boys ( one in red play soccer .", "Three boys one in red play soccer."),
        ("ein Zug,der  fährt\tschnell", "Ein Zug, der fährt schnell."),
        ("ein Helm ,Maske", "Ein Helm, Maske."),
        ("laufen durch´s Laub", "Laufen durch's Laub."),
        ("Whoa ! The cowboy is getting stepped on !", "Whoa! The cowboy is getting stepped on!"),
        # What is right already.
        ("Washington D.C.", "Washington D.C."),
        ("A hat of statefarm.com for $15,000.", "A hat of statefarm.com for $15,000."),
        ("Two adults - a male and a female - ride.", "Two adults - a male and a female - ride."),
        ("2 braun/weiße Hunde auf Wald- und Wiesenwegen.", "2 braun/weiße Hunde auf Wald- und Wiesenwegen."),
        ("A five o'clock shadow, a slip 'n' slide.", "A five o'clock shadow, a slip 'n' slide."),
        # Nothing.
        ("", ""),
        (" . \" '", ""),
    ],
)
def test_tidy(text: str, expected: str) -> None:
    assert tidy_caption(text) == expected


def test_tidying_twice_is_tidying_once() -> None:
    generator = random.Random(3)
    pieces = [*"aéB  3.,,;:!?\"\"''()-#´\t", " . a", " 's", " n't", ".b", ". ee", " ' ", ' " ']
    for _ in range(5000):
        text = "".join(generator.choices(pieces, k=generator.randrange(16)))
        tidied = tidy_caption(text)
        assert tidy_caption(tidied) == tidied, text
        assert not tidied or tidied[-1] in ".!?", text
        assert "  " not in tidied, text


def test_only_spacing_and_punctuation_change_in_real_captions() -> None:
    path = Path("../shared/data/flickr8k/Flickr8k.token.txt")
    if not path.is_file():
        pytest.skip("Flickr8k is not in ../shared/data/flickr8k")
    for line in path.read_text(encoding="utf-8").splitlines()[::10]:
        caption = line.partition("\t")[2]
        tidied = tidy_caption(caption)
        letters = "".join(filter(str.isalnum, caption)).lower()
        # Only the stray letters after a last stop may go.
        assert letters.startswith("".join(filter(str.isalnum, tidied)).lower())
        assert " ." not in tidied
        assert " ," not in tidied
        assert tidied[0] == tidied[0].upper()
