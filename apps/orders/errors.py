"""What the order desk refuses."""

from core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable, Unprocessable


class OrderNotFound(NotFound):
    """No such order, or not the caller's."""

    code = "order_not_found"
    title = "No such order"


class InvalidTransition(Conflict):
    """The state tables have no such move from where the order is. `extra`: from, to, allowed."""

    code = "invalid_transition"
    title = "The order cannot move there"


class OrderNotPaid(InvalidTransition):
    """An order that is paid online is confirmed by its payment, never by hand."""

    title = "The order is not paid"


class OrderOnHold(InvalidTransition):
    """The order must not leave the house while somebody looks into it. `extra`: from, to, allowed."""

    code = "order_on_hold"
    title = "The order is on hold"


class OrderNotOnItsWay(Conflict):
    """Only an order that is shipped and not delivered yet says how it is tracked. `extra`: order_status."""

    code = "order_not_on_its_way"
    title = "The order is not on its way"


class InvalidPaymentTransition(Conflict):
    """The payment table has no way from the present payment status to that one. `extra`: from, to."""

    code = "invalid_payment_transition"
    title = "The payment status cannot become that"


class OrderHasOtherSellers(Forbidden):
    """A seller moves only an order whose every line is theirs."""

    code = "order_has_other_sellers"
    title = "The order holds items of other sellers"


class TotalChanged(Conflict):
    """The customer agreed to another total. `extra`: expected_total, total_amount, currency."""

    code = "total_changed"
    title = "The total has changed"


class CartAlreadyOrdered(Conflict):
    """The cart became an order before. `extra`: order_id where it is known."""

    code = "cart_already_ordered"
    title = "This cart has been ordered"


class OrderNumberTaken(Unavailable):
    """The random order number exists already: nothing was written, trying again helps."""

    code = "order_number_taken"


class PaymentMethodNotOffered(InvalidInput):
    """The shop does not take payments this way. `errors` names the field and what is offered."""

    code = "payment_method_not_offered"
    title = "This payment method is not offered"


class OrderTooLarge(Unprocessable):
    """The amount exceeds what an order can hold."""

    code = "order_too_large"
    title = "The order is too large"


class TooManyUnits(Unprocessable):
    """More units of a line were to be taken back than are left of it. `extra`: item_id, left."""

    code = "too_many_units"
    title = "That many units are not left to be refunded"


class ShippingAlreadyRefunded(Unprocessable):
    """What sending cost was refunded before."""

    code = "shipping_already_refunded"
    title = "The shipping was refunded before"


class EmailRequired(InvalidInput):
    """A guest must leave an address for the news about the order."""

    title = "A guest needs an e-mail address"
