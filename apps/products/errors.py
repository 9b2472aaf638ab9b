"""What the catalogue refuses."""

from core.errors import Conflict, FieldError, Forbidden, InvalidInput, NotFound


class ProductNotFound(NotFound):
    """There is no such product, or it is hidden from the one who asks."""

    code = "product_not_found"
    title = "There is no such product"


class VariantNotFound(NotFound):
    """The product has no such variant, or it is not on sale."""

    code = "variant_not_found"
    title = "There is no such variant of this product"


class CategoryNotFound(NotFound):
    """There is no such category, or it is hidden."""

    code = "category_not_found"
    title = "There is no such category"


class NotYourProduct(Forbidden):
    """The product is another seller's."""

    code = "not_your_product"
    title = "Only its seller and admins may change a product"


class MayNotSell(Forbidden):
    """The account is neither a seller nor an admin."""

    code = "may_not_sell"
    title = "Only sellers and admins may offer products"


class SkuTaken(InvalidInput):
    """Another variant has this SKU."""

    code = "sku_taken"
    title = "This SKU is in use"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("sku", "sku_taken", self.title),))


class UnknownCategory(InvalidInput):
    """The category named in the input does not exist."""

    code = "unknown_category"
    title = "There is no such category"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("category", "unknown_category", self.title),))


class UnusableTag(InvalidInput):
    """A tag without a letter or digit cannot be addressed."""

    code = "unusable_tag"
    title = "A tag needs at least one letter or digit"

    def __init__(self) -> None:
        super().__init__(errors=(FieldError("tags", "unusable_tag", self.title),))


class CategoryInsideItself(Conflict):
    """A category cannot be placed under itself or under one of its descendants."""

    code = "category_inside_itself"
    title = "A category cannot stand below itself"


class TagTaken(Conflict):
    """Another tag reads the same."""

    code = "tag_taken"
    title = "There is such a tag already"
