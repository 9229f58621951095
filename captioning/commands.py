"""The commands of captioning."""

from captioning import caption_command, evaluate_command, train_command
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
            ("train", "captioner"),
            "train a captioner on photographs and captions",
            train_command.configure,
            train_command.run,
        ),
    ),
    built_in=BUILT_IN,
)
