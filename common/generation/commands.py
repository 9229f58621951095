"""The commands of text generation, and those of the suite as a whole."""

from common import average_command, models_command
from common.cli import Application, Command
from common.generation import evaluate_command, generate_command, train_command
from common.generation.flags import BUILT_IN

APPLICATION = Application(
    commands=(
        Command(("generate",), "continue a text", generate_command.configure, generate_command.run),
        Command(
            ("evaluate", "text"),
            "nats and bits a character, perplexity",
            evaluate_command.configure,
            evaluate_command.run,
        ),
        Command(
            ("train", "language-model"),
            "train a language model on a text",
            train_command.configure,
            train_command.run,
        ),
        Command(
            ("average",),
            "average models that were trained apart from the same one",
            average_command.configure,
            average_command.run,
        ),
        Command(
            ("models",),
            "the built-in models: what they were trained on, what they score",
            models_command.configure,
            models_command.run,
        ),
    ),
    built_in=BUILT_IN,
)
