"""What must be true of invoices at every moment."""

from collections.abc import Iterable

from django.db.models import Count, F, Max, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce

from apps.invoices.models import Invoice, InvoiceSequence
from core.invariants import invariant


@invariant("invoices.numbers_are_gapless")
def numbers_are_gapless() -> Iterable[str]:
    """In each series the numbers are 1, 2, 3 … without a gap (that none occurs twice, the database sees to)."""
    series = Invoice.objects.values("series").order_by("series")
    for row in series.annotate(count=Count("pk"), first=Min("number"), last=Max("number")):
        if (row["first"], row["last"]) != (1, row["count"]):
            yield f"{row['series']}: {row['count']} invoices, but numbers from {row['first']} to {row['last']}"


@invariant("invoices.sequence_is_at_the_last_number")
def sequence_is_at_the_last_number() -> Iterable[str]:
    """A series goes on where its invoices end."""
    highest = Invoice.objects.filter(series=OuterRef("series")).order_by().values("series").annotate(n=Max("number"))
    sequences = InvoiceSequence.objects.annotate(issued=Coalesce(Subquery(highest.values("n")), 0))
    wrong = sequences.exclude(last_number=F("issued")).order_by("series")
    for series, last_number, issued in wrong.values_list("series", "last_number", "issued"):
        yield f"{series}: the sequence is at {last_number}, the last invoice is {issued}"


@invariant("invoices.every_series_has_a_sequence")
def every_series_has_a_sequence() -> Iterable[str]:
    """No invoice was numbered past its sequence."""
    known = InvoiceSequence.objects.values("series")
    for series in (
        Invoice.objects.exclude(series__in=known).order_by("series").values_list("series", flat=True).distinct()
    ):
        yield f"{series}: it has invoices and no sequence"
