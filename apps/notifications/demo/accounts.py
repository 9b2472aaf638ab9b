"""Demo accounts: one of each role, under addresses that can be chosen."""

import dataclasses
import datetime as dt
import os

from apps.accounts.models import Address, User
from apps.accounts.states import AddressType, Role

ADDRESS = {
    "full_name": "Demo Customer",
    "phone_number": "+1 555 0100",
    "address_line1": "1 Market Street",
    "city": "Austin",
    "state": "TX",
    "postal_code": "78701",
    "country": "US",
}


@dataclasses.dataclass(frozen=True, slots=True)
class DemoAccounts:
    """Whose accounts are made, and the one password of all of them."""

    admin_email: str
    seller_email: str
    customer_email: str
    password: str

    @classmethod
    def from_environment(cls) -> "DemoAccounts":
        """Read DEMO_ADMIN_EMAIL, DEMO_SELLER_EMAIL, DEMO_CUSTOMER_EMAIL and DEMO_PASSWORD."""
        return cls(
            admin_email=_read("DEMO_ADMIN_EMAIL", "admin@example.com"),
            seller_email=_read("DEMO_SELLER_EMAIL", "seller@example.com"),
            customer_email=_read("DEMO_CUSTOMER_EMAIL", "customer@example.com"),
            password=_read("DEMO_PASSWORD", "demo-shop-pass"),
        )


def ensure_accounts(accounts: DemoAccounts, *, now: dt.datetime) -> tuple[User, int]:
    """Make the accounts that do not exist and return the seller and how many were made.

    An account that exists is left as it is, its password included.
    """
    wanted = {  # one address for several of them gets the strongest role
        accounts.customer_email: Role.CUSTOMER,
        accounts.seller_email: Role.SELLER,
        accounts.admin_email: Role.ADMIN,
    }
    known = set(User.objects.filter(email__in=wanted).values_list("email", flat=True))
    for email, role in wanted.items():
        if email not in known:
            _make(email, role, password=accounts.password, now=now)
    return User.objects.get(email=accounts.seller_email), len(wanted) - len(known)


def _make(email: str, role: Role, *, password: str, now: dt.datetime) -> None:
    user = User.objects.create_user(
        email,
        password,
        role=role,
        is_superuser=role == Role.ADMIN,
        first_name="Demo",
        last_name=role.label,
        email_verified_at=now,
    )
    if role == Role.CUSTOMER:
        Address.objects.create(user=user, address_type=AddressType.SHIPPING, is_default=True, **ADDRESS)


def _read(name: str, default: str) -> str:
    value = os.environ.get(name, "").strip() or default
    return value.lower() if name.endswith("_EMAIL") else value
