"""The commands of translation."""

from common.cli import Application, Command
from translation import detect_command, evaluate_command, score_command, train_command, translate_command
from translation.flags import BUILT_IN

APPLICATION = Application(
    commands=(
        Command(("translate",), "translate sentences", translate_command.configure, translate_command.run),
        Command(("detect",), "say which language a text is in", detect_command.configure, detect_command.run),
        Command(
            ("evaluate", "translation"),
            "BLEU, chrF++ and TER with signatures",
            evaluate_command.configure,
            evaluate_command.run,
        ),
        Command(
            ("score", "translation"),
            "log-probabilities of given translations",
            score_command.configure,
            score_command.run,
        ),
        Command(
            ("train", "translator"),
            "train a translator on pairs of sentences",
            train_command.configure,
            train_command.run,
        ),
    ),
    built_in=BUILT_IN,
)
