"""What invoices do by the clock."""

import datetime as dt

from apps.invoices.services.cleaning import remove_orphans
from core.periodic.registry import every

DAY = 24 * 60 * 60


@every(seconds=DAY, name="invoices.remove_orphans", lease_seconds=60 * 60)
def remove_orphaned_documents(now: dt.datetime) -> None:
    """Stored files that belong to no invoice are gone."""
    remove_orphans(now=now)
