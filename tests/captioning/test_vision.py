import subprocess
import sys

PROGRAM = """
import torch
from captioning.vision import import_models
models = import_models()
assert import_models() is models
network = models.resnet18(weights=None).eval()
print(tuple(network(torch.zeros(1, 3, 32, 32)).shape))
"""


def run(program):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_torchvision_can_be_imported_whatever_build_of_pytorch_it_stands_beside():
    """In a process of its own: here it may have been imported already."""
    done = run(PROGRAM)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "(1, 1000)", "")


def test_a_missing_operator_is_declared_and_any_other_error_passed_on():
    program = """
import importlib
from captioning import vision

real, missing = importlib.import_module, ["first_operator", "second_operator"]

def import_module(name):
    if missing:
        raise RuntimeError(f"operator torchvision::{missing.pop(0)} does not exist")
    raise RuntimeError("the disk is on fire")

importlib.import_module = import_module
try:
    vision.import_models()
except RuntimeError as error:
    import torch
    print(error, hasattr(torch.ops.torchvision, "first_operator"), hasattr(torch.ops.torchvision, "third"))
"""
    assert run(program).stdout == "the disk is on fire True False\n"
