"""Who may send a mail: one process at a time for each Message-ID.

A claim is a row that is committed before the mail server is spoken to, because no transaction stays open meanwhile. It
has a lease: a sender that died is succeeded when that is over, and the second copy has the Message-ID of the first.
"""

import datetime as dt
import uuid

from apps.notifications.models import MailClaim
from core.ids import new_id
from core.rounds import delete_in_rounds

CLAIM_SECONDS = 25  # longer than a send takes (core.smtp), shorter than a delivery's lease (core.events.leasing)
KEPT = dt.timedelta(days=1)
_NEVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def claim(*, message_id: str, now: dt.datetime) -> uuid.UUID | None:
    """Return a lease on sending that mail, or None while another holds one. Two statements."""
    free = MailClaim(message_id=message_id, lease=new_id(), leased_until=_NEVER)
    MailClaim.objects.bulk_create([free], ignore_conflicts=True)
    lease, leased_until = new_id(), now + dt.timedelta(seconds=CLAIM_SECONDS)
    over = MailClaim.objects.filter(message_id=message_id, leased_until__lte=now)
    return lease if over.update(lease=lease, leased_until=leased_until) else None


def release(*, message_id: str, lease: uuid.UUID) -> None:
    """Let others claim the mail at once. A lease that was lost is not ended. One statement."""
    MailClaim.objects.filter(message_id=message_id, lease=lease).delete()


def forget_claims(*, now: dt.datetime) -> int:
    """Delete what senders that died have left, a day later; return how many went."""
    return delete_in_rounds(MailClaim.objects.filter(leased_until__lt=now - KEPT).order_by("leased_until"))
