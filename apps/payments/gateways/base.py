"""What the shop asks of a payment provider: six verbs, plain values in, ledger facts out.

Amounts are Decimal in units of the currency named beside them. Every verb may be called again with the same request
and must then have no second effect at the provider: `key` is what to send as its idempotency key. Nothing here is
called inside a database transaction.
"""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import ClassVar, Protocol

from apps.payments.states import EntryKind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line for the ledger. `reference` is the provider's name of what happened (a charge, a refund, a refusal).

    The same thing told twice has the same kind and reference, whatever the message that brought it was called; money
    that moved twice has two references. `detail` holds short texts for people ("code", "card"), never a secret.
    `refund_id` is the shop's own refund a REFUNDED or REFUND_FAILED is about, if the provider echoes it; `is_risky`
    marks a capture the provider advises to look at before anything is sent.
    """

    kind: EntryKind
    amount: Decimal
    currency: str
    reference: str
    occurred_at: dt.datetime
    detail: Mapping[str, str] = dataclasses.field(default_factory=dict)
    refund_id: uuid.UUID | None = None
    is_risky: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The attempt to pay that a request is about. `transaction_id` is empty until the provider has given one.

    `session_reference` is what its start told, if anything; `customer_reference`, told at the start only, is what the
    provider calls the payer.
    """

    id: uuid.UUID
    amount: Decimal
    currency: str
    order_id: uuid.UUID
    order_number: str
    payment_method_id: str = ""
    transaction_id: str = ""
    session_reference: str = ""
    customer_reference: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who pays. `address` has the keys of the order's billing address."""

    email: str
    language: str
    address: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Begin to collect `attempt.amount`. Told again, it gets the first answer again."""

    attempt: Attempt
    buyer: Buyer
    now: dt.datetime

    @property
    def key(self) -> str:
        return f"start-{self.attempt.id.hex}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """Take the money of an attempt that is authorised, or was collected by hand."""

    attempt: Attempt
    now: dt.datetime

    @property
    def key(self) -> str:
        return f"capture-{self.attempt.id.hex}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Give the attempt up. `attempt.transaction_id` may be empty: then the provider may never have heard of it."""

    attempt: Attempt
    now: dt.datetime

    @property
    def key(self) -> str:
        return f"cancel-{self.attempt.id.hex}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Send `amount` of the attempt back. `capture_reference` names the charge it came from."""

    attempt: Attempt
    refund_id: uuid.UUID
    amount: Decimal
    reason: str
    capture_reference: str
    now: dt.datetime

    @property
    def key(self) -> str:
        return f"refund-{self.refund_id.hex}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What has become of the attempt? `hint` is what a webhook named to ask for; `open_refunds` maps our refunds that
    are still under way to the provider's references, `refund_amounts` to their amounts, which not every provider tells;
    `by_clock` is true when nobody waits for the answer."""

    attempt: Attempt
    now: dt.datetime
    hint: str = ""
    by_clock: bool = False
    open_refunds: Mapping[uuid.UUID, str] = dataclasses.field(default_factory=dict)
    refund_amounts: Mapping[uuid.UUID, Decimal] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StartResult:
    """The provider knows the attempt as `transaction_id`. The client goes on with the secret or the URL, if any;
    `session_reference` is for the shop alone, to ask about the attempt."""

    transaction_id: str
    client_secret: str = ""
    redirect_url: str = ""
    session_reference: str = ""
    facts: tuple[Fact, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """The provider knows the refund as `reference`. Without a fact it is still on its way."""

    reference: str
    facts: tuple[Fact, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebhookMessage:
    """A message whose sender is proven. It is about `attempt_id` if the provider echoes ours, else `transaction_id`.

    `facts` None means the message itself proves nothing: the provider is to be asked, with `hint`. An empty tuple
    means the message is of no interest. `digest` is a SHA-256 (hex) of what a repeat must have in common with it, ""
    for the whole body. A `refusal` keeps the message in quarantine for that reason. With a `customer_reference` it is
    not about a payment but about the payment methods the provider keeps for that customer.
    """

    event_id: str
    transaction_id: str = ""
    attempt_id: uuid.UUID | None = None
    facts: tuple[Fact, ...] | None = None
    hint: str = ""
    digest: str = ""
    refusal: str = ""
    customer_reference: str = ""


class GatewayError(Exception):
    """The provider did not do it. `permanent`: asking again cannot help, and nothing was or will be charged.

    Otherwise (time-out, line cut, provider down) nobody knows: the same request has to be made again.
    `code` is short, stable and safe to show.
    """

    def __init__(self, code: str, *, permanent: bool) -> None:
        self.code = code
        self.permanent = permanent
        super().__init__(code)


class Gateway(Protocol):
    """One provider. Each verb raises GatewayError and no other error for what the provider or the network does.

    `name` is the provider in the API. `sends_webhooks` says whether it does, `signature_header` which header marks them
    ("" if none does). `settles_by_hand`: people, not a provider, tell that money came. `inquiry_seconds` is how soon
    after one question the provider may be asked again about an open attempt, None if there is nobody to ask.
    `cancel_is_final`: an attempt that was given up can bring no money any more. `keeps_customers`: it knows payers by a
    name of its own and keeps their payment methods (gateways/wallets.py).
    """

    name: ClassVar[str]
    sends_webhooks: ClassVar[bool]
    signature_header: ClassVar[str]
    settles_by_hand: ClassVar[bool]
    inquiry_seconds: ClassVar[int | None]
    cancel_is_final: ClassVar[bool]
    keeps_customers: ClassVar[bool]

    def start(self, request: StartRequest) -> StartResult: ...

    def capture(self, request: CaptureRequest) -> tuple[Fact, ...]: ...

    def cancel(self, request: CancelRequest) -> tuple[Fact, ...]: ...

    def refund(self, request: RefundRequest) -> RefundResult: ...

    def read_webhook(self, *, body: bytes, headers: Mapping[str, str], now: dt.datetime) -> WebhookMessage: ...

    def reread_webhook(self, *, body: bytes, now: dt.datetime) -> WebhookMessage:
        """Read a stored message again, whose sender was proven when it came."""
        ...

    def fetch(self, request: FetchRequest) -> tuple[Fact, ...]: ...

    def missed_messages(self, *, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[WebhookMessage, bytes]]:
        """Return what the provider wrote since then and could not deliver, oldest first; () if it keeps no list."""
        ...
