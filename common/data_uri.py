"""Pictures inside of pages and of other pictures."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


def data_uri(image: Image.Image) -> str:
    """A picture as an address that holds all of it: RGB as JPEG, whatever has transparency as PNG."""
    content, kind = BytesIO(), "jpeg" if image.mode == "RGB" else "png"
    image.save(content, kind, quality=85, optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
