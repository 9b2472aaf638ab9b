"""The order's two state tables: where it is and whether it is paid. Everything else asks here."""

from django.db import models


class OrderStatus(models.TextChoices):
    """Where the order is."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    RETURNED = "returned"


class PaymentStatus(models.TextChoices):
    """Whether the order is paid, derived from the payment ledger."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class PaymentMethod(models.TextChoices):
    """How the customer pays."""

    COD = "cod"
    STRIPE = "stripe"
    SSLCOMMERZ = "sslcommerz"
    SIMULATED = "simulated"


ORDER_TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.PROCESSING, OrderStatus.CANCELLED}),
    OrderStatus.PROCESSING: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.RETURNED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.RETURNED: frozenset(),
}

# What the shop itself may do and nobody by hand: an order that expired is taken up again when its money comes late.
REVIVALS: dict[OrderStatus, OrderStatus] = {OrderStatus.CANCELLED: OrderStatus.PENDING}

PAYMENT_TRANSITIONS: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PENDING: frozenset({PaymentStatus.PAID, PaymentStatus.FAILED}),
    PaymentStatus.FAILED: frozenset({PaymentStatus.PENDING, PaymentStatus.PAID}),
    PaymentStatus.PAID: frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED}),
    PaymentStatus.PARTIALLY_REFUNDED: frozenset({PaymentStatus.REFUNDED}),
    PaymentStatus.REFUNDED: frozenset(),
}

# What only the provider's word brings about: a refund that failed after all, a lost dispute that was won on appeal.
PAYMENT_REVERSALS: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.PARTIALLY_REFUNDED: frozenset({PaymentStatus.PAID}),
    PaymentStatus.REFUNDED: frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.PAID}),
}

CANCELLABLE = frozenset(status for status, onward in ORDER_TRANSITIONS.items() if OrderStatus.CANCELLED in onward)
FINISHED = frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELLED, OrderStatus.RETURNED})
CLOSED = frozenset({OrderStatus.CANCELLED, OrderStatus.RETURNED})  # nothing is paid for these any more
STOCK_HELD = frozenset({OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PROCESSING})
STOCK_SENT = frozenset({OrderStatus.SHIPPED, OrderStatus.DELIVERED})
KEPT_BY_HOLD = frozenset({OrderStatus.PROCESSING, OrderStatus.SHIPPED})  # where an order on hold does not go
