"""What to compute on, and how precisely."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from common.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` takes a GPU where there is one.

    Raises:
        InputError: This machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {name}: not available on this machine; use cpu") from error
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The type to compute products in; ``"auto"`` takes bfloat16 where it is native and so faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cpu":
        # Older versions of PyTorch cannot tell; they compute in 32 bits, which is right everywhere.
        has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        native = any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    else:
        native = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if native else torch.float32


def quick(device: torch.device) -> AbstractContextManager[object]:
    """The context for what is encoded while nothing is learned: products in 16 bits where they are native."""
    if torch.is_grad_enabled():
        return nullcontext()
    precision = choose_precision("auto", device)
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)


def full_precision(vectors: Tensor) -> Tensor:
    """What came out of :func:`quick` in 32 bits; within somebody else's autocast it stays as it is."""
    short = vectors.dtype == torch.bfloat16 and not torch.is_autocast_enabled(vectors.device.type)
    return vectors.float() if short else vectors
