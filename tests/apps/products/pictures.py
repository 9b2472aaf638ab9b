"""Small pictures for tests."""

import io

from PIL import Image


def png_bytes(*, size: tuple[int, int] = (4, 3)) -> bytes:
    """Return a PNG file of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "PNG")
    return out.getvalue()
