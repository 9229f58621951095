"""The commands of captioning."""

from captioning import (
    caption_command,
    evaluate_command,
    find_command,
    retrieval_command,
    score_command,
    train_command,
)
from captioning.flags import BUILT_IN
from common.cli import Application, Command

APPLICATION = Application(
    commands=(
        Command(("caption",), "describe photographs", caption_command.configure, caption_command.run),
        Command(
            ("evaluate", "captions"),
            "BLEU-1 to 4, CIDEr-D, sacreBLEU",
            evaluate_command.configure,
            evaluate_command.run,
        ),
        Command(
            ("evaluate", "retrieval"),
            "how often photographs are found by their captions",
            retrieval_command.configure,
            retrieval_command.run,
        ),
        Command(
            ("find",), "the photographs that a sentence describes", find_command.configure, find_command.run
        ),
        Command(
            ("score", "caption"),
            "how well captions fit photographs",
            score_command.configure,
            score_command.run,
            default=True,
        ),
        Command(
            ("train", "captioner"),
            "train a captioner on photographs and captions",
            train_command.configure,
            train_command.run,
        ),
    ),
    built_in=BUILT_IN,
)
