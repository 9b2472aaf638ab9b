"""Draws a plain picture for a product that has none: a colour of its category, a shape of its own, its name."""

import colorsys
import io
import random

from PIL import Image, ImageDraw, ImageFont

SIZE = 640
_SHAPES = 6


def draw_picture(*, title: str, category: str) -> bytes:
    """Return a PNG. The same words always give the same picture."""
    hue = random.Random(category).random()  # noqa: S311 - a colour, not a secret
    dice = random.Random(title)  # noqa: S311
    image = Image.new("RGB", (SIZE, SIZE), _colour(hue, 0.18, 0.97))
    draw = ImageDraw.Draw(image)
    for _ in range(_SHAPES):
        _draw_shape(draw, dice, _colour(hue + dice.uniform(-0.06, 0.06), dice.uniform(0.25, 0.6), 0.9))
    _write(draw, title, _colour(hue, 0.8, 0.25))
    return _png(image)


def _draw_shape(draw: ImageDraw.ImageDraw, dice: random.Random, colour: tuple[int, int, int]) -> None:
    size = dice.randint(80, 300)
    left, top = dice.randint(-60, SIZE - 100), dice.randint(-60, SIZE - 260)
    box = (left, top, left + size, top + size)
    if dice.random() < 0.5:
        draw.ellipse(box, fill=colour)
    else:
        draw.rounded_rectangle(box, radius=size // 6, fill=colour)


def _write(draw: ImageDraw.ImageDraw, title: str, colour: tuple[int, int, int]) -> None:
    draw.rectangle((0, SIZE - 110, SIZE, SIZE), fill=(255, 255, 255))
    for size in (44, 36, 28, 20):
        font = ImageFont.load_default(size)
        if draw.textlength(title, font=font) < SIZE - 60:
            break
    draw.text((SIZE / 2, SIZE - 55), title, font=font, fill=colour, anchor="mm")


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG")
    return out.getvalue()
