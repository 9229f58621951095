"""The one exception that a user is meant to read."""


class InputError(ValueError):
    """A file, setting or argument that the user gave is wrong.

    The message is one line: it names the file or setting (and the line, where
    there is one), says what is wrong and what to do about it. The command line
    prints it as ``error: ...`` and exits with status 1.
    """
