"""Reconciliation: every provider is asked about what may have been lost between it and the shop.

What the clock does little by little (inquiries, refunds, waiting messages) is done here at once, and more is asked:
money that has come may have gone back at the provider's dashboard. What cannot be explained gets a case, once.
"""

import dataclasses
import datetime as dt
import logging
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import Q

from apps.payments.errors import ProviderContradiction, ProviderRefused, ProviderUnavailable
from apps.payments.gateways.base import Gateway
from apps.payments.gateways.registry import find_gateway, offered_providers
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.selectors import UNHEARD_AFTER
from apps.payments.services.inquiries import ask_provider
from apps.payments.services.mismatches import report_mismatch
from apps.payments.services.missed_messages import take_in
from apps.payments.services.refunds import carry_out_refund
from apps.payments.services.replays import apply_again, case_of, open_missing_cases
from apps.payments.states import OPEN_STATES, InboxState, PaymentState, RefundState

UNANSWERED_FOR_GOOD = dt.timedelta(hours=20)  # soon after, a provider may have forgotten the attempt's key
SILENCE = 3  # questions without an answer, one after the other, after which a provider counts as away
_WITHOUT_MONEY = (PaymentState.CANCELLED, PaymentState.FAILED)
logger = logging.getLogger("shop.payments")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a reconciliation did. `healed` of the payments `asked` were not as their provider says; `waiting` is what a
    provider did not answer for; `mismatches` is what does not fit, whether or not a person has decided it before."""

    asked: int = 0
    healed: int = 0
    waiting: int = 0
    mismatches: int = 0
    refunds_carried_out: int = 0
    messages_applied: int = 0


def reconcile(
    *,
    now: dt.datetime,
    since: dt.datetime,
    provider: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """The shop's books say what its providers say, as far as they answer. Returns what was done.

    Asked about: messages that wait or were never delivered, open payments, payments that changed since then and have
    money, or could still get some, refunds under way, and refunds nobody was told of. One thing that cannot be done
    stops none of the others; after three unanswered questions in a row a provider is left alone. `on_progress` is told
    how many payments are done, of how many. Locks one order at a time, never while a provider is called. Harmless
    when run again, or twice at once.
    """
    round_ = _Round(now=now)
    round_.apply_messages(provider)
    round_.take_in_missed(since, provider)
    round_.ask_about_payments(since, provider, on_progress)
    round_.carry_out_refunds(provider)
    open_missing_cases(since=since, now=now)
    return Report(**round_.counts)


class _Round:
    """One reconciliation: what it has counted, and how long each provider has been silent."""

    def __init__(self, *, now: dt.datetime) -> None:
        self._now = now
        self._silence: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()

    def apply_messages(self, provider: str | None) -> None:
        waiting = WebhookEvent.objects.filter(state=InboxState.RECEIVED, **_at(provider))
        for event in list(waiting.select_related("payment__order").order_by("received_at", "id")):
            name = f"message:{case_of(event)}"
            self._try(event.provider, event.payment, name, partial(self._apply, event))

    def take_in_missed(self, since: dt.datetime, provider: str | None) -> None:
        for gateway in _senders(since, provider):
            self._try(gateway.name, None, f"list:{gateway.name}", partial(self._take_in, gateway, since))

    def ask_about_payments(
        self, since: dt.datetime, provider: str | None, on_progress: Callable[[int, int], None]
    ) -> None:
        ids = _payments_to_ask(since=since, now=self._now, provider=provider)
        for done, payment_id in enumerate(ids):
            on_progress(done, len(ids))
            payment = Payment.objects.select_related("order").get(pk=payment_id)
            self._try(payment.provider, payment, f"inquiry:{payment.pk}", partial(self._ask, payment))
        on_progress(len(ids), len(ids))

    def carry_out_refunds(self, provider: str | None) -> None:
        untold = Refund.objects.untold().filter(created_at__lte=self._now - UNHEARD_AFTER, **_at(provider, "payment__"))
        for refund in list(untold.select_related("payment__order").order_by("created_at", "id")):
            payment = refund.payment
            self._try(payment.provider, payment, f"untold:{refund.pk}", partial(self._carry_out, refund))

    def _try(self, provider: str, payment: Payment | None, name: str, act: Callable[[], None]) -> None:
        """Do one thing that takes an answer of the provider. `name` is that of the case it opens if it does not fit."""
        if find_gateway(provider) is None:
            self._report(payment, name, f"The provider {provider} is not in PAYMENT_GATEWAYS any more.")
        elif self._silence[provider] >= SILENCE:
            self.counts["waiting"] += 1
        else:
            self._try_now(provider, payment, name, act)

    def _try_now(self, provider: str, payment: Payment | None, name: str, act: Callable[[], None]) -> None:
        self._silence[provider] += 1
        try:
            act()
        except (ProviderContradiction, ProviderRefused) as error:
            self._report(payment, name, _words_of(error))
        except ProviderUnavailable:
            self._wait(payment, name)
            return
        except OperationalError:  # somebody holds the order's lock for longer than we wait
            if not connection.is_usable():
                raise
            self._wait(payment, name)
        self._silence[provider] = 0

    def _apply(self, event: WebhookEvent) -> None:
        self._count_message(apply_again(event=event, now=self._now))

    def _take_in(self, gateway: Gateway, since: dt.datetime) -> None:
        for state in take_in(gateway=gateway, since=since, now=self._now).elements():
            self._count_message(state)

    def _ask(self, payment: Payment) -> None:
        before = _standing(payment)
        after = ask_provider(payment=payment, now=self._now, by_clock=True)
        self.counts["asked"] += 1
        self.counts["healed"] += _standing(after) != before

    def _carry_out(self, refund: Refund) -> None:
        state = carry_out_refund(refund=refund, now=self._now).state
        self.counts["mismatches" if state == RefundState.FAILED else "refunds_carried_out"] += 1

    def _count_message(self, state: InboxState) -> None:
        counted = {InboxState.PROCESSED: "messages_applied", InboxState.RECEIVED: "waiting"}
        if state != InboxState.IGNORED:
            self.counts[counted.get(state, "mismatches")] += 1

    def _wait(self, payment: Payment | None, name: str) -> None:
        self.counts["waiting"] += 1
        if payment is not None and _is_unanswered_for_good(payment, self._now):
            self._report(payment, name, "The provider has never answered whether it knows this attempt.")

    def _report(self, payment: Payment | None, name: str, detail: str) -> None:
        self.counts["mismatches"] += 1
        report_mismatch(payment=payment, reference=name, detail=detail, now=self._now)


def _at(provider: str | None, path: str = "") -> dict[str, str]:
    return {f"{path}provider": provider} if provider else {}


def _senders(since: dt.datetime, provider: str | None) -> list[Gateway]:
    """Return the adapters whose providers may have written: those offered, and those of payments that changed since."""
    recent = Payment.objects.filter(updated_at__gte=since).order_by()
    names = {*offered_providers(), *recent.values_list("provider", flat=True).distinct()}
    found = (find_gateway(name) for name in sorted(names) if provider in (None, name))
    return [gateway for gateway in found if gateway is not None and gateway.sends_webhooks]


def _payments_to_ask(*, since: dt.datetime, now: dt.datetime, provider: str | None) -> list[uuid.UUID]:
    """Return the payments to ask about, oldest first. One statement.

    Not those that were begun a moment ago and may still be waiting for their answer, nor those nobody can be asked
    about. Of a provider that is no longer known only what is under way: the rest is history.
    """
    gateways = [gateway for gateway in map(find_gateway, settings.PAYMENT_GATEWAYS) if gateway is not None]
    known = [gateway.name for gateway in gateways]
    mute = [gateway.name for gateway in gateways if gateway.inquiry_seconds is None]
    unstoppable = [gateway.name for gateway in gateways if not gateway.cancel_is_final]
    under_way = Q(status__in=sorted(OPEN_STATES)) | Q(pk__in=Refund.objects.told().values("payment_id"))
    may_come = Q(status__in=_WITHOUT_MONEY, provider__in=unstoppable, updated_at__gte=since)
    has_come = Q(captured_amount__gt=0, provider__in=known, updated_at__gte=since)
    just_begun = Q(transaction_id="", ledger_size=0, created_at__gt=now - UNHEARD_AFTER)
    wanted = Payment.objects.filter(under_way | may_come | has_come, **_at(provider)).exclude(just_begun)
    asked = wanted.exclude(~Q(transaction_id=""), provider__in=mute)
    return list(asked.order_by("created_at", "id").values_list("pk", flat=True))


def _standing(payment: Payment) -> tuple[str, str, int]:
    return payment.status, payment.transaction_id, payment.ledger_size


def _is_unanswered_for_good(payment: Payment, now: dt.datetime) -> bool:
    return payment.is_open and not payment.is_started and payment.created_at <= now - UNANSWERED_FOR_GOOD


def _words_of(error: ProviderContradiction | ProviderRefused) -> str:
    code = error.extra.get("provider_code", "")
    return f"{error.detail} ({code})" if code else error.detail
