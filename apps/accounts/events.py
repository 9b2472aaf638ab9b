"""News from the accounts."""

import dataclasses
from typing import ClassVar

from core.events.registry import Event
from core.ids import hash_token


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefreshTokenReused(Event):
    """A refresh token was used again after its time: it may have been stolen, so its sign-in was ended."""

    name: ClassVar[str] = "accounts.refresh_token_reused"

    user_id: str
    session_id: str
    email: str
    ip_address: str | None

    @property
    def aggregate_id(self) -> str:
        return self.user_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccountEvent(Event):
    """Base: whose account it is about. `language` is that of the request."""

    user_id: str
    email: str
    language: str

    @property
    def aggregate_id(self) -> str:
        return self.user_id


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccountRegistered(AccountEvent):
    """Somebody has made an account. That the address is theirs is not proven yet."""

    name: ClassVar[str] = "accounts.registered"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PasswordChanged(AccountEvent):
    """The account has a new password, and all its sign-ins were ended."""

    name: ClassVar[str] = "accounts.password_changed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmailVerified(AccountEvent):
    """Somebody has shown that they read the mail of this address.

    `is_account_proven` tells that they hold the account as well: without it, whoever reads the mail may have opened a
    link to an account that a stranger made with their address.
    """

    name: ClassVar[str] = "accounts.email_verified"

    is_account_proven: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinkRequested(Event):
    """Base: somebody wants a link sent to an address, which may or may not have an account."""

    email: str
    language: str

    @property
    def aggregate_id(self) -> str:
        return hash_token(self.email)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmailVerificationRequested(LinkRequested):
    """Somebody wants the link that proves an address."""

    name: ClassVar[str] = "accounts.email_verification_requested"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PasswordResetRequested(LinkRequested):
    """Somebody has forgotten a password, or says so."""

    name: ClassVar[str] = "accounts.password_reset_requested"
