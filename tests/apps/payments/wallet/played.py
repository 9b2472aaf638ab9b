"""A provider of saved methods that a test plays: what it keeps, what its dashboard changes, when it is away."""

import uuid
from collections.abc import Callable

from django.db import connection

from apps.payments.gateways.base import GatewayError
from apps.payments.gateways.wallets import METHOD_UNKNOWN, SavedMethod, SetupResult
from apps.payments.models import PaymentMethod

PATH = "tests.apps.payments.wallet.played.the_wallet"


class PlayedWallet:
    """Tokens are "{brand}_{last4}"; a saved method's reference is "pm_" and its token. Nothing is saved twice."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, SavedMethod]] = {}
        self.calls: list[str] = []
        self.failure: GatewayError | None = None
        self.customer_is_always = ""
        self.while_asked: Callable[[], None] | None = None
        self.was_called_in_a_transaction = False

    def create_customer(self, *, user_id: uuid.UUID, email: str) -> str:
        self._called("create_customer")
        name = self.customer_is_always or f"cus_{user_id.hex}"
        self.kept.setdefault(name, {})
        return name

    def open_setup(self, *, customer_reference: str, key: str) -> SetupResult:
        self._called("open_setup")
        return SetupResult(reference=f"seti_{key}", client_secret=f"seti_{key}_secret")

    def save(self, *, customer_reference: str, token: str) -> SavedMethod:
        self._called("save")
        reference = token if token.startswith("pm_") else f"pm_{token}"
        owner = next((name for name, methods in self.kept.items() if reference in methods), customer_reference)
        if owner != customer_reference or token.count("_") not in (1, 2):
            raise GatewayError(METHOD_UNKNOWN, permanent=True)
        return self.put(customer_reference, reference)

    def forget(self, *, reference: str) -> None:
        self._called("forget")
        for methods in self.kept.values():
            methods.pop(reference, None)

    def list_saved(self, *, customer_reference: str) -> tuple[SavedMethod, ...]:
        answer = tuple(self.kept[customer_reference].values())
        self._called("list_saved")
        return answer

    # What happens at the provider without the shop

    def put(self, customer: str, reference: str, exp_year: int = 2034) -> SavedMethod:
        """The customer has the method, or another expiry of it."""
        _, brand, last4 = reference.split("_")
        method = SavedMethod(
            reference=reference, kind="card", brand=brand, last4=last4, exp_month=12, exp_year=exp_year
        )
        self.kept[customer][reference] = method
        return method

    def take(self, customer: str, reference: str) -> None:
        del self.kept[customer][reference]

    def _called(self, verb: str) -> None:
        self.calls.append(verb)
        self.was_called_in_a_transaction |= connection.in_atomic_block
        meanwhile, self.while_asked = self.while_asked, None
        if meanwhile:
            meanwhile()
        if self.failure:
            raise self.failure


class _TheWallet:
    """The one that the shop finds by PATH; a test begins with a new one."""

    def __init__(self) -> None:
        self.now = PlayedWallet()

    def __call__(self) -> "_TheWallet":
        return self

    def __getattr__(self, name: str) -> object:
        return getattr(self.now, name)


the_wallet = _TheWallet()


def methods_of(user: object) -> list[tuple[str, str, int | None, bool]]:
    """Return (reference, last4, exp_year, is_default) of each row, oldest first."""
    rows = PaymentMethod.objects.filter(user=user).order_by("created_at", "id")  # type: ignore[misc]
    return list(rows.values_list("reference", "last4", "exp_year", "is_default"))
