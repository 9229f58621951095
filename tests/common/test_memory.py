import platform
import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path

from common.memory import keep_freed_memory


def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


{}
before = resident()
block = bytearray(2**26)
del block
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
@pytest.mark.parametrize(("call", "is_kept"), [("keep_freed_memory()", True), ("", False)])
def test_freed_memory_is_kept(call, is_kept):
    program = [sys.executable, "-c", PROGRAM.format(call)]
    kept = int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)
    assert (kept > 2**25) is is_kept
