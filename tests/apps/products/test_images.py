"""A picture is only a picture: checked by its bytes, drawn anew, kept under a random name, gone if rolled back."""

import contextlib
import io
import re
import struct
import zlib
from collections.abc import Iterator

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image

from apps.products.models import Product, ProductImage
from apps.products.pictures import (
    ImageRefused,
    ImageTooLarge,
    ImageTypeNotAllowed,
    ImageUnreadable,
    clean_picture,
    read_capped,
)
from apps.products.services.images import add_image, fill_image, remove_image
from core import clock
from tests import factories

PIXELS = 40_000_000


def encoded(kind: str, *, size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 0 if mode in "LP1" else None).save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("kind", "stored", "extension"),
    [("JPEG", "JPEG", "jpg"), ("PNG", "PNG", "png"), ("WEBP", "WEBP", "webp"), ("GIF", "PNG", "png")],
)
def test_the_four_kinds_are_taken(kind, stored, extension):
    picture = clean_picture(encoded(kind), max_pixels=PIXELS)

    assert (picture.extension, picture.width, picture.height) == (extension, 40, 20)
    assert opened(picture.data).format == stored
    assert opened(picture.data).size == (40, 20)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_colour_mode_of_png_can_be_kept(mode):
    assert opened(clean_picture(encoded("PNG", mode=mode), max_pixels=PIXELS).data).mode in ("RGB", "RGBA")


def test_transparency_survives():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(out, "PNG")

    assert opened(clean_picture(out.getvalue(), max_pixels=PIXELS).data).getpixel((0, 0)) == (255, 0, 0, 0)


def test_a_cmyk_photograph_becomes_rgb():
    assert opened(clean_picture(encoded("JPEG", mode="CMYK"), max_pixels=PIXELS).data).mode == "RGB"


def test_exif_is_dropped_and_its_orientation_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010E] = "<?php system($_GET['c']); ?>"
    data = encoded("JPEG", exif=exif.tobytes())
    assert b"<?php" in data

    picture = clean_picture(data, max_pixels=PIXELS)

    assert (picture.width, picture.height) == (20, 40)
    assert b"<?php" not in picture.data
    assert not opened(picture.data).getexif()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_stands_behind_the_picture_is_left_behind(kind):
    tail = b"\n<script>alert(1)</script>PK\x03\x04evil.zip"

    assert b"script" not in clean_picture(encoded(kind) + tail, max_pixels=PIXELS).data


def test_only_the_first_frame_of_an_animation_is_kept():
    frames = [Image.new("RGB", (8, 8), (n, 0, 0)) for n in range(50)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])

    assert getattr(opened(clean_picture(out.getvalue(), max_pixels=PIXELS).data), "n_frames", 1) == 1


NOT_PICTURES = {
    "nothing": b"",
    "text": b"hello",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "svg with a prolog": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04",
    "elf": b"\x7fELF",
    "php": b"<?php phpinfo();",
    "bmp": b"BM" + b"\0" * 60,
    "tiff": b"II*\0" + b"\0" * 60,
    "psd": b"8BPS\0\1",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "riff that is not webp": b"RIFF\x24\0\0\0WAVEfmt ",
    "avif": b"\0\0\0\x1cftypavif",
    "icon": b"\0\0\1\0\1\0",
    "one byte before a jpeg": b" " + encoded("JPEG"),
    "a bom before a png": b"\xef\xbb\xbf" + encoded("PNG"),
}


@pytest.mark.parametrize("data", NOT_PICTURES.values(), ids=NOT_PICTURES)
def test_other_files_are_refused_by_their_first_bytes(data):
    with pytest.raises(ImageTypeNotAllowed) as caught:
        clean_picture(data, max_pixels=PIXELS)

    assert caught.value.code == "image_type_not_allowed"
    assert caught.value.errors[0].field == "image"


DISGUISED = {
    "jpeg head, php body": b"\xff\xd8\xff\xe0<?php system('id'); ?>",
    "gif head, javascript body": b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//",
    "gif head, html body": b"GIF87a<html><script>alert(1)</script>",
    "png head, nothing else": b"\x89PNG\r\n\x1a\n",
    "png head, text": b"\x89PNG\r\n\x1a\nnot a chunk at all, just words",
    "webp head, text": b"RIFF\xff\xff\xff\x7fWEBPVP8 nonsense",
    "jpeg head twice": b"\xff\xd8\xff" * 100,
    "png called jpeg": b"\xff\xd8\xff" + encoded("PNG"),
}


@pytest.mark.parametrize("data", DISGUISED.values(), ids=DISGUISED)
def test_disguises_are_refused(data):
    with pytest.raises(ImageUnreadable) as caught:
        clean_picture(data, max_pixels=PIXELS)

    assert caught.value.code == "image_unreadable"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_picture_cut_off_is_refused(kind, share):
    noise = Image.effect_noise((120, 80), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, kind)
    data = out.getvalue()

    with pytest.raises(ImageRefused):
        clean_picture(data[: int(len(data) * share)], max_pixels=PIXELS)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header names a size that its few bytes cannot hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 10_000), (8_000, 5_001), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_they_are_decoded(size):
    with pytest.raises(ImageTooLarge) as caught:
        clean_picture(png_claiming(*size), max_pixels=PIXELS)

    assert caught.value.code == "image_too_large"


def test_exactly_the_allowed_pixels_are_taken():
    assert clean_picture(encoded("PNG", size=(40, 20)), max_pixels=800).width == 40
    with pytest.raises(ImageTooLarge):
        clean_picture(encoded("PNG", size=(40, 20)), max_pixels=799)


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt"])
def test_a_bomb_in_a_side_chunk_is_not_unpacked(kind):
    body = b"name\0\0" + zlib.compress(b"\0" * 80_000_000)
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    plain = encoded("PNG")
    bomb = plain[:33] + chunk + plain[33:]

    with contextlib.suppress(ImageUnreadable):
        assert len(clean_picture(bomb, max_pixels=PIXELS).data) < 2000


def test_reading_stops_soon_after_the_limit():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"\xff" * size

    source = Endless()
    with pytest.raises(ImageTooLarge):
        read_capped(source, max_bytes=1_000_000)

    assert source.given < 1_200_000


# --- the service ----------------------------------------------------------------------------------


@pytest.fixture
def product(db: None, settings: pytest.FixtureRequest, tmp_path: object) -> Iterator[Product]:
    settings.MEDIA_ROOT = tmp_path
    return factories.make_product()


def stored_files() -> list[str]:
    return default_storage.listdir("products")[1] if default_storage.exists("products") else []


def test_pictures_are_appended_under_random_names(product):
    first = add_image(product=product, upload=io.BytesIO(encoded("JPEG")), alt_text="Front", now=clock.now())
    second = add_image(product=product, upload=io.BytesIO(encoded("GIF")), now=clock.now())

    assert [(i.position, i.alt_text, i.width, i.height) for i in product.images.all()] == [
        (0, "Front", 40, 20),
        (1, "", 40, 20),
    ]
    assert re.fullmatch(r"products/[0-9a-f]{32}\.jpg", first.file.name)
    assert re.fullmatch(r"products/[0-9a-f]{32}\.png", second.file.name)
    assert first.file.name != second.file.name


@pytest.mark.parametrize("name", ["../../etc/passwd", "shell.php.jpg", "CON", "a\0b.png", "x" * 500])
def test_the_name_of_the_upload_means_nothing(name, product):
    upload = io.BytesIO(encoded("PNG"))
    upload.name = name

    image = add_image(product=product, upload=upload, now=clock.now())

    assert re.fullmatch(r"products/[0-9a-f]{32}\.png", image.file.name)


def test_a_new_picture_raises_the_version_of_its_product(product):
    add_image(product=product, upload=io.BytesIO(encoded("PNG")), now=clock.now())

    assert Product.objects.get(pk=product.pk).version == product.version + 1


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"<svg/>", ImageTypeNotAllowed), (b"GIF89a junk", ImageUnreadable), (b"\xff\xd8\xff" * 400, ImageTooLarge)],
)
def test_a_refused_picture_leaves_nothing(data, error, product, settings):
    settings.UPLOAD_MAX_BYTES = 1000

    with pytest.raises(error):
        add_image(product=product, upload=io.BytesIO(data), now=clock.now())

    assert stored_files() == []
    assert ProductImage.objects.count() == 0
    assert Product.objects.get(pk=product.pk).version == product.version


def test_the_file_goes_away_when_the_transaction_rolls_back(product):
    class Stop(Exception):
        pass

    with pytest.raises(Stop), transaction.atomic():
        add_image(product=product, upload=io.BytesIO(encoded("PNG")), now=clock.now())
        assert len(stored_files()) == 1
        raise Stop

    assert ProductImage.objects.count() == 0
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_the_file_stays_when_the_transaction_commits(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    product = factories.make_product()

    with transaction.atomic():
        image = add_image(product=product, upload=io.BytesIO(encoded("PNG")), now=clock.now())

    assert stored_files() == [image.file.name.removeprefix("products/")]
    with default_storage.open(image.file.name) as file:
        assert opened(file.read()).size == (40, 20)


def test_a_picture_known_by_its_address_is_filled_once(product):
    image = ProductImage.objects.create(product=product, source_url="https://example.com/a.jpg", position=0)

    filled = fill_image(image=image, upload=io.BytesIO(encoded("JPEG")), now=clock.now())
    stale = ProductImage(pk=image.pk, product=product, source_url=image.source_url)
    fill_image(image=stale, upload=io.BytesIO(encoded("PNG")), now=clock.now())

    row = ProductImage.objects.get(pk=image.pk)
    assert row.file.name == filled.file.name
    assert row.file.name.endswith(".jpg")
    assert (row.width, row.height, row.source_url) == (40, 20, "https://example.com/a.jpg")
    assert Product.objects.get(pk=product.pk).version == product.version + 1


@pytest.mark.django_db(transaction=True)
def test_removing_a_picture_removes_its_file_after_the_commit(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    product = factories.make_product()
    image = add_image(product=product, upload=io.BytesIO(encoded("PNG")), now=clock.now())

    with transaction.atomic():
        remove_image(image=image, now=clock.now())
        assert len(stored_files()) == 1

    assert stored_files() == []
    assert ProductImage.objects.count() == 0
