"""What a file says about one product, checked, as plain values.

`fields` are named as the model's fields and hold only what the file has a column for: what it does not mention keeps
its value.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class ImageDraft:
    """A picture by its address. None: the file does not say (it lacks the column)."""

    line: int
    src: str
    alt_text: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class VariantDraft:
    """One variant. `quantity` is what is available for sale; None: the file does not say.

    `image_src` is the picture that shows this variant; empty: none. `option_values` are empty for a product without
    options.
    """

    line: int
    option_values: tuple[str, ...]
    fields: Mapping[str, Any]
    quantity: int | None
    image_src: str

    @property
    def name(self) -> str:
        return " / ".join(self.option_values)


@dataclasses.dataclass(frozen=True, slots=True)
class ProductDraft:
    """One product. None means that the file does not say: no such column.

    `category_path` leads from the root ("Home", "Garden"); an empty one means no category. `images` are in order.
    `has_variant_images` tells whether the file says which picture shows which variant.
    """

    line: int
    handle: str
    fields: Mapping[str, Any]
    is_archived: bool | None
    category_path: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    option_names: tuple[str, ...] | None
    variants: tuple[VariantDraft, ...]
    images: tuple[ImageDraft, ...] | None
    has_variant_images: bool
