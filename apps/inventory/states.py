"""What can happen to stock and to a reservation."""

from django.db import models


class MovementKind(models.TextChoices):
    """Why units came or went."""

    RECEIVE = "receive"  # goods came in
    ADJUST = "adjust"  # counted, corrected or set by a person
    IMPORT = "import"  # set by a product import
    SHIP = "ship"  # left with an order
    RESTOCK = "restock"  # came back from an order


class ReservationState(models.TextChoices):
    """OPEN counts in Stock.reserved; the others do not."""

    OPEN = "open"
    COMMITTED = "committed"  # shipped: the units left on_hand too
    RELEASED = "released"  # given back to the shelf
