"""The one place that imports torchvision.

torchvision's compiled operators are built for one build of PyTorch. Beside another,
such as the CPU build, they do not load, and then ``import torchvision`` fails with
``operator torchvision::nms does not exist`` although networks need none of them.
Declaring the missing names, without any code behind them, lets it import.
"""

import importlib
import re
import sys
from types import ModuleType

import torch

# A library's declarations last as long as the object does.
_declared: list[torch.library.Library] = []


def import_models() -> ModuleType:
    """``torchvision.models``, whichever build of PyTorch it stands beside.

    Raises:
        RuntimeError: torchvision fails for another reason.
    """
    while True:
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None or len(_declared) > 20:
                raise
            library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            library.define(f"{missing[1]}() -> ()")  # type: ignore[no-untyped-call]
            _declared.append(library)
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
