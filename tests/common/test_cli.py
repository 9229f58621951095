import os
import re
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from common.cli import applications, make_parser

COMMANDS = sorted(command.path for application in applications() for command in application.commands)
SCRIPT = Path(sys.executable).with_name("inwords")


def test_the_contract_is_complete():
    assert COMMANDS == [
        ("average",),
        ("caption",),
        ("detect",),
        ("evaluate", "captions"),
        ("evaluate", "retrieval"),
        ("evaluate", "text"),
        ("evaluate", "translation"),
        ("find",),
        ("generate",),
        ("models",),
        ("score", "caption"),
        ("score", "translation"),
        ("train", "captioner"),
        ("train", "language-model"),
        ("train", "translator"),
        ("translate",),
    ]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(call, path):
    outcome = call(*path, "--help")
    assert outcome.status == 0
    assert not outcome.err
    assert outcome.out.startswith(f"usage: inwords {' '.join(path)} ")


def test_it_says_which_version_it_is(call):
    outcome = call("--version")
    assert outcome.status == 0
    assert outcome.out == f"inwords {version('inwords')}\n"


def test_a_group_with_a_default_lists_its_commands(call):
    outcome = call("score", "--help")
    assert outcome.status == 0
    assert outcome.out.startswith("usage: inwords score [-h] WHAT ...")
    text = " ".join(outcome.out.split())
    assert "caption how well captions fit photographs (meant where no WHAT is named)" in text
    assert text.count("meant where no WHAT is named") == 1


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("score photo.jpg --caption dog", "score caption photo.jpg --caption dog"),
        ("score --caption dog photo.jpg", "score caption --caption dog photo.jpg"),
        ("score ./caption --caption dog", "score caption ./caption --caption dog"),
        ("score a b --caption score", "score caption a b --caption score"),
    ],
)
def test_the_default_of_a_group_is_meant_where_none_is_named(words, meant):
    parser = make_parser([command for each in applications() for command in each.commands])
    found, expected = (vars(parser.parse_args(each.split())) for each in (words, meant))
    assert found.pop("usage").__self__.prog == expected.pop("usage").__self__.prog == "inwords score caption"
    assert found == expected


def test_a_named_command_is_not_the_default():
    parser = make_parser([command for each in applications() for command in each.commands])
    options = parser.parse_args(["score", "translation", "--to", "en"])
    assert options.usage.__self__.prog == "inwords score translation"


@pytest.mark.parametrize("flag", ["--beam", "--temperature", "--top-k", "--top-p", "--count", "--seed"])
def test_decoding_flags_are_the_same_everywhere(call, flag):
    explained = {
        " ".join(re.search(rf"^  {flag}\b.*(?:\n {{8,}}.*)*", call(path, "--help").out, re.M)[0].split())
        for path in ("caption", "translate", "generate")
    }
    # Only texts may go on at several temperatures.
    for more in (",T,...", "; with several, one result for each, side by side"):
        explained = {each.replace(more, "") for each in explained}
    assert len(explained) == 1


def test_names_keep_their_capitals_in_descriptions(call):
    assert "BLEU-1 to 4, CIDEr-D, sacreBLEU." in call("evaluate", "captions", "--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "arguments are required: COMMAND"),
        ("describe photo.jpg", "invalid choice: 'describe'"),
        ("evaluate", "arguments are required: WHAT"),
        ("score", "arguments are required: WHAT"),
        ("score photo.jpg", "arguments are required: --caption"),
        ("score translation", "arguments are required: --to"),
        ("train painter recipe.toml", "invalid choice: 'painter'"),
        ("caption", "arguments are required: PHOTO"),
        ("caption photo.jpg --format xml", "--format: invalid choice: 'xml'"),
        ("caption photo.jpg --beam 2 --top-k 2", "--beam searches and --top-k samples"),
        ("caption photo.jpg --loud", "unrecognized arguments: --loud"),
        ("translate Hund", "arguments are required: --to"),
        ("translate --from de --to", "--to: expected one argument"),
        ("translate --from de --to en Hund --count 0", "--count: must be a whole number"),
        ("generate Hello world", "unrecognized arguments: world"),
        ("generate --length 0", "--length must be at least 1, got 0"),
        ("generate --length x", "--length: invalid int value: 'x'"),
        ("evaluate text", "arguments are required: FILE"),
        ("evaluate text a.txt --last 0", "--last must be above 0 and at most 1, got 0.0"),
        ("evaluate text a.txt --last nan", "--last must be above 0"),
        ("evaluate captions", "arguments are required: --references"),
        ("evaluate translation --source a", "arguments are required: --reference"),
        ("train captioner", "give a recipe, CONFIG.toml, or the --images to learn from"),
        ("train translator a.toml --set", "--set: expected one argument"),
        ("models now", "unrecognized arguments: now"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(call, arguments, message):
    outcome = call(*arguments.split())
    assert outcome.status == 2
    assert not outcome.out
    assert re.fullmatch(rf"error: .*{re.escape(message)}.* \(see inwords.* --help\)\n", outcome.err)


def test_a_line_break_in_an_argument_does_not_break_the_message(call):
    outcome = call("models", "a\nb")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("call_", [[sys.executable, "-m", "common"], [str(SCRIPT)]], ids=["-m", "script"])
def test_it_starts_as_a_process(call_, environment):
    """Both ways, from another folder, with a wrong call and a right one."""
    right = subprocess.run([*call_, "--help"], capture_output=True, env=environment, cwd="/", check=False)
    assert right.returncode == 0
    assert "Ein Hund läuft durch den Schnee." in right.stdout.decode()  # whatever the locale
    wrong = subprocess.run([*call_, "describe"], capture_output=True, env=environment, cwd="/", check=False)
    assert wrong.returncode == 2
    assert not wrong.stdout
    assert wrong.stderr.decode().startswith("error: argument COMMAND: invalid choice: 'describe'")


def seconds(*arguments: str, environment: dict[str, str]) -> float:
    """Processor time of a run, the best of three: not what it waits for on a busy machine."""
    taken = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, *arguments], capture_output=True, env=environment, check=True)
        after = os.times()
        used = (after.children_user - before.children_user, after.children_system - before.children_system)
        taken.append(sum(used))
    return min(taken)


@pytest.mark.parametrize("path", [(), ("caption",), ("evaluate", "captions")], ids=" ".join)
def test_help_is_quick(environment, path):
    nothing = seconds("-c", "pass", environment=environment)
    assert seconds("-m", "common", *path, "--help", environment=environment) < nothing + 0.3


def test_the_parser_is_made_without_a_heavy_import(environment):
    code = (
        "import sys; from common.cli import applications, make_parser; import captioning, translation;"
        "make_parser([command for each in applications() for command in each.commands]);"
        "print(sorted({'torch', 'torchvision', 'numpy', 'PIL', 'sacrebleu', 'tokenizers', 'safetensors',"
        "'tqdm'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert found.stdout.decode().strip() == "[]"


@pytest.fixture
def start(environment, tiny_translator):
    """Start a translation that reads from a pipe."""
    started = []
    # A shell starts background jobs, of which these tests may be part, deaf to interrupts.
    code = (
        "import signal, sys; from common.cli import main;"
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
    )

    def run(*arguments, **streams):
        call = [sys.executable, "-c", code, "translate", "--from", "de", "--to", "en"]
        call += ["--model", str(tiny_translator), "--beam", "1", *map(str, arguments)]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        started.append(subprocess.Popen(call, env=environment, **options))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_an_interrupted_process_leaves_no_half_file(start, tmp_path):
    signals = {signal.SIGINT: (130, b"interrupted\n"), signal.SIGTERM: (143, b"")}
    outputs = {number: tmp_path / f"{number.name}.txt" for number in signals}
    processes = {number: start("--output", path) for number, path in outputs.items()}
    for number, process in processes.items():
        part = outputs[number].with_name(outputs[number].name + ".part")
        deadline = time.monotonic() + 60
        while not part.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert part.exists()
        process.stdin.write(b"Hund\n" * 600)
        process.stdin.flush()
        process.send_signal(number)
        _, message = process.communicate(timeout=60)
        assert (process.returncode, message) == signals[number]
    assert os.listdir(tmp_path) == []


def test_a_reader_that_has_had_enough_is_no_fault(start):
    # More output than a pipe holds; the reader closes it after the first line.
    process = start()
    process.stdin.write(b"Hund\n" * 3000)
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message) == (0, b"")


def test_output_that_cannot_be_written_is_one_line(start):
    with open("/dev/full", "wb") as full:
        process = start("Hund", stdout=full)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message == b"error: standard output: No space left on device\n"


def test_closed_output_is_no_traceback(environment, tiny_translator):
    call = f"'{sys.executable}' -m common translate --from de --to en --model '{tiny_translator}' Hund"
    done = subprocess.run(["sh", "-c", f"{call} >&- 2>&-"], env=environment, check=False)
    assert done.returncode == 0


def test_closed_input_is_one_line(call, tiny_translator):
    outcome = call("translate", "--from", "de", "--to", "en", "--model", tiny_translator, stdin=None)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "error: standard input is closed; give the sentences as TEXT\n"
