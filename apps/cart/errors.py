"""What the cart refuses."""

from core.errors import Conflict, NotFound, Unavailable


class CartItemNotFound(NotFound):
    """No such line in the caller's cart."""

    code = "cart_item_not_found"
    title = "There is no such line in your cart"


class ProductUnavailable(Conflict):
    """The product or the variant is not on sale now."""

    code = "product_unavailable"
    title = "This product is not on sale"


class QuantityLimit(Conflict):
    """One line would hold more than CART_MAX_QUANTITY. `extra`: limit."""

    code = "cart_quantity_limit"
    title = "A cart holds no more of one product"


class CartFull(Conflict):
    """The cart would hold more than CART_MAX_LINES lines. `extra`: limit."""

    code = "cart_full"
    title = "The cart holds no more lines"


class CartEmpty(Conflict):
    """There is nothing to order."""

    code = "cart_empty"
    title = "The cart is empty"


class CartHasProblems(Conflict):
    """Lines of the cart cannot be ordered as they are. `extra`: problems [{code, item_id, detail}]."""

    code = "cart_has_problems"
    title = "Some lines of the cart cannot be ordered"


class CartUnavailable(Unavailable):
    """The cart store does not answer."""

    code = "cart_unavailable"
    title = "Carts cannot be reached right now"

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=5)
