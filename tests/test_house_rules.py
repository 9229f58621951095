"""The rules of CONTRIBUTING.md that a machine can check."""

import ast
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from common.cli import applications, make_parser

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "captioning", "translation", "data")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
# What talks to a person; everything else is for other code to call.
TALKS = re.compile(r"cli|__main__|commands|\w+_command")

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def imports(path):
    """The dotted names that a module imports, wherever in it, those for type hints included."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(path, name):
    """Whether a module may import a name of ours."""
    package, _, module = name.partition(".")
    own, *inner = path.relative_to(ROOT).parts
    if package == own == "common":
        # Text generation is an application too: what all share does not know it.
        return inner[0] == "generation" or module.split(".")[0] != "generation"
    if package not in PACKAGES or package == own:
        return True
    match own:
        case "common":
            return False
        case "data":
            return package == "common" and module.split(".")[0] in ("", "errors", "files")
        case _:
            return package in ("common", "data")


@each_module
def test_layers(path):
    assert [name for name in imports(path) if not allowed(path, name)] == []


def test_the_layers_are_looked_at():
    """The rule itself, on names that it must refuse."""
    common, data = ROOT / "common" / "search.py", ROOT / "data" / "captions.py"
    captioning, commands = ROOT / "captioning" / "model.py", ROOT / "common" / "generation" / "commands.py"
    refused = [
        (common, "captioning"),
        (common, "data.text"),
        (common, "common.generation.model"),
        (commands, "data.captions"),
        (commands, "translation.model"),
    ]
    refused += [(data, "common.search"), (data, "captioning"), (captioning, "translation.encoder")]
    assert [pair for pair in refused if allowed(*pair)] == []
    assert "common.files" in set(imports(data))


@each_module
def test_modules_fit_into_a_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


@each_module
def test_functions_fit_on_a_screen(path):
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(TREES[path])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 > 50
    ]
    assert long == []


def calls(path):
    """The names of what a module calls, such as "torch.load", with their lines."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@each_module
def test_nothing_runs_code_out_of_a_file(path):
    pickles = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torch.load"}
    assert [name for name in imports(path) if name in pickles or name.partition(".")[0] in pickles] == []
    forbidden = {"eval", "exec", "torch.load", "torch.save", "np.load", "numpy.load", "os.system"}
    assert [each for each in calls(path) if each[0] in forbidden] == []


@pytest.mark.parametrize("path", [path for path in MODULES if not TALKS.fullmatch(path.stem)], ids=str)
def test_library_modules_do_not_talk(path):
    assert [each for each in calls(path) if each[0] in ("print", "sys.exit", "exit", "quit", "input")] == []


@each_module
def test_what_is_public_says_what_it_is(path):
    assert ast.get_docstring(TREES[path])
    public = list(public_definitions(TREES[path]))
    public += [
        inner for node in public if isinstance(node, ast.ClassDef) for inner in public_definitions(node)
    ]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def public_definitions(holder):
    for node in holder.body:
        defined = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if defined and "overload" not in map(ast.unparse, node.decorator_list):
            yield node


@each_module
def test_nothing_is_left_to_do(path):
    assert re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8")) == []


def test_there_are_no_other_folders_of_code():
    """Of the files that belong to the project: those that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so it is not known which files belong to the project")
    paths = listed.stdout.split()
    assert {path.partition("/")[0] for path in paths} <= {*PACKAGES, "tests"}
    assert not (ROOT / "tests" / "__init__.py").exists()


def documented_calls():
    """The calls of `inwords` in the code blocks of the documents, continued lines joined."""
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield from re.findall(r"^(?:\$ )?(inwords .*)", block, re.MULTILINE)


def test_the_commands_in_the_documents_exist():
    found = list(documented_calls())
    assert found
    parser = make_parser([command for each in applications() for command in each.commands])
    for call in found:
        words = shlex.split(call.partition("|")[0].partition(" > ")[0], comments=True)[1:]
        try:
            parser.parse_args(words)
        except SystemExit as ending:
            raise AssertionError(f"{call}: not a call that the command line takes") from ending


def test_the_recipes_in_the_documents_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"[\w/]+/recipes/[\w-]+\.toml", text)
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []
