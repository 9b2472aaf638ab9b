"""Refusals of the stock room."""

from core.errors import Conflict


class OutOfStock(Conflict):
    """Fewer units are available than asked for.

    `extra["shortages"]` lists every line that falls short: {variant_id, requested, available}.
    """

    code = "out_of_stock"
    title = "Not enough stock"


class StockIsReserved(Conflict):
    """Taking these units away would break a promise to an open order, or leave fewer than none."""

    code = "stock_is_reserved"
    title = "These units are promised to orders"
