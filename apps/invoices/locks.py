"""The lock of a series: numbers are taken one at a time (docs/algorithms/locking.md)."""

from django.db import connection

# One statement makes the row if there is none, locks it and counts on; both databases know it.
_TAKE = """
INSERT INTO invoices_invoicesequence (series, last_number) VALUES (%s, 1)
ON CONFLICT (series) DO UPDATE SET last_number = invoices_invoicesequence.last_number + 1
RETURNING last_number
"""


def take_number(*, series: str) -> int:
    """Return the next number of a series, 1 in a new one. One statement.

    The series stays locked until the caller's transaction ends: others wait, and a rollback gives the number back, so
    there are no gaps. Must be called inside a transaction, as late as possible.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [series])
        (number,) = cursor.fetchone()
    return int(number)
