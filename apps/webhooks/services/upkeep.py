"""What is finished is not kept for ever."""

import datetime as dt

from django.conf import settings

from apps.webhooks.models import WebhookDelivery

ROWS_PER_ROUND = 1_000
ROUNDS_PER_RUN = 50


def remove_old_deliveries(*, now: dt.datetime) -> int:
    """What was finished more than OUTBOX_KEEP_DAYS ago is gone, with its tries. Returns how many that were."""
    over = WebhookDelivery.objects.filter(finished_at__lt=now - dt.timedelta(days=settings.OUTBOX_KEEP_DAYS))
    removed = 0
    for _ in range(ROUNDS_PER_RUN):
        ids = list(over.order_by("finished_at").values_list("id", flat=True)[:ROWS_PER_ROUND])
        if not ids:
            break
        WebhookDelivery.objects.filter(id__in=ids).delete()
        removed += len(ids)
    return removed
