"""Makes a stranger's picture safe to keep and to show: checked, decoded, drawn anew.

What comes out is our own encoding of the pixels: nothing that hid in the file (EXIF, scripts, a second file behind
the first) is left. Pure: bytes in, bytes out.
"""

import dataclasses
import io
from typing import BinaryIO, ClassVar

from PIL import Image, ImageOps

from core.errors import FieldError, InvalidInput

JPEG_QUALITY = 88
WEBP_QUALITY = 88
_CHUNK_BYTES = 64 * 1024

# Leading bytes -> the decoder allowed to try. A declared type or a file name is never asked.
_MAGIC: tuple[tuple[bytes, bytes, str], ...] = (
    (b"\xff\xd8\xff", b"", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", b"", "PNG"),
    (b"GIF87a", b"", "GIF"),
    (b"GIF89a", b"", "GIF"),
    (b"RIFF", b"WEBP", "WEBP"),
)
_STORED_AS = {"JPEG": "JPEG", "PNG": "PNG", "GIF": "PNG", "WEBP": "WEBP"}
_EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


class ImageRefused(InvalidInput):
    """A picture the shop does not take. The subclass's code says why."""

    code: ClassVar[str] = "image_refused"
    title: ClassVar[str] = "The picture was refused"

    def __init__(self, detail: str = "") -> None:
        reason = detail or self.title
        super().__init__(reason, errors=(FieldError("image", self.code, reason),))


class ImageTooLarge(ImageRefused):
    """More bytes or more pixels than allowed (the 413 of pictures)."""

    code = "image_too_large"
    title = "The picture is too large"


class ImageTypeNotAllowed(ImageRefused):
    """Not JPEG, PNG, WebP or GIF by its first bytes (the 415 of pictures)."""

    code = "image_type_not_allowed"
    title = "Only JPEG, PNG, WebP and GIF pictures are taken"


class ImageUnreadable(ImageRefused):
    """Begins like a picture but cannot be decoded: cut off, damaged or something else in disguise."""

    code = "image_unreadable"
    title = "The picture is damaged or incomplete"


@dataclasses.dataclass(frozen=True, slots=True)
class CleanPicture:
    """A picture in our own encoding. `extension` has no dot; sizes are in pixels."""

    data: bytes
    extension: str
    width: int
    height: int


def read_capped(upload: BinaryIO, *, max_bytes: int) -> bytes:
    """Return everything in the upload, holding at most `max_bytes` + one chunk. Raises ImageTooLarge beyond."""
    data = bytearray()
    while chunk := upload.read(_CHUNK_BYTES):
        data += chunk
        if len(data) > max_bytes:
            raise ImageTooLarge(f"A picture may have at most {max_bytes:,} bytes")
    return bytes(data)


def clean_picture(data: bytes, *, max_pixels: int) -> CleanPicture:
    """Return the first frame of a picture, turned upright and encoded anew without metadata.

    JPEG stays JPEG, PNG stays PNG, WebP stays WebP, GIF becomes PNG. The colour profile is dropped with the rest:
    parsing a stranger's profile is not worth its risk. Raises ImageTypeNotAllowed, ImageTooLarge (more than
    `max_pixels`, known before anything is decoded) or ImageUnreadable.
    """
    kind = _kind_by_magic(data)
    try:
        return _redraw(data, kind=kind, max_pixels=max_pixels)
    except ImageRefused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge from error
    except Exception as error:
        raise ImageUnreadable from error


def _kind_by_magic(data: bytes) -> str:
    for head, tail, kind in _MAGIC:
        if data.startswith(head) and (not tail or data[8 : 8 + len(tail)] == tail):
            return kind
    raise ImageTypeNotAllowed


def _redraw(data: bytes, *, kind: str, max_pixels: int) -> CleanPicture:
    with Image.open(io.BytesIO(data), formats=[kind]) as source:
        width, height = source.size
        if width * height > max_pixels:
            raise ImageTooLarge(f"A picture may have at most {max_pixels:,} pixels; this one has {width * height:,}")
        source.load()  # raises on a file that was cut off
        upright = ImageOps.exif_transpose(source)
        picture = _plain_colours(upright)
    target = _STORED_AS[kind]
    return CleanPicture(
        data=_encode(picture, target), extension=_EXTENSIONS[target], width=picture.width, height=picture.height
    )


def _plain_colours(picture: Image.Image) -> Image.Image:
    """Return new pixels in RGB, or RGBA where something is see-through; nothing else of the source comes along."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    plain = picture.convert(mode) if picture.mode != mode else picture.copy()
    plain.info = {}
    return plain


def _encode(picture: Image.Image, target: str) -> bytes:
    out = io.BytesIO()
    if target == "JPEG":
        picture.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    elif target == "WEBP":
        picture.save(out, "WEBP", quality=WEBP_QUALITY, method=4)
    else:
        picture.save(out, "PNG")
    return out.getvalue()
