"""The back office's forms for accounts: the e-mail address is the identity, and a new password ends all sign-ins."""

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, AuthenticationForm, UserChangeForm, UserCreationForm

from apps.accounts.limits import admit_attempt, admit_network
from apps.accounts.models import User
from apps.accounts.services.passwords import change_password
from apps.accounts.services.registration import normalize_username
from apps.accounts.services.sign_in import attempt_key
from apps.accounts.services.tokens import ClientInfo
from core import clock
from core.api import throttles
from core.api.errors import Throttled


class IdentityMixin:
    """Brings the address and the username into the form they are kept in."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def clean_username(self) -> str | None:
        return normalize_username(self.cleaned_data.get("username"))


class AccountCreationForm(IdentityMixin, UserCreationForm):  # type: ignore[misc]
    """A new account with a password."""

    usable_password = None  # accounts of this shop sign in with a password

    class Meta:
        model = User
        fields = ("email", "username", "first_name", "last_name", "phone", "role")


class AccountChangeForm(IdentityMixin, UserChangeForm):  # type: ignore[misc]
    """An account without its password, which has a form of its own."""

    class Meta:
        model = User
        fields = "__all__"


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """A new password for somebody else's account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        change_password(user=user, password=self.cleaned_data["password1"], now=clock.now())
        return user


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """The door of the back office: attempts are counted as at the API's, by network and by account."""

    request: HttpRequest

    def clean(self) -> Any:
        try:
            admit_network(self.request)
            admit_attempt(self._attempt())
        except Throttled as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.code) from None
        return super().clean()

    def _attempt(self) -> str:
        client = ClientInfo.from_text(address=throttles.client_address(self.request), user_agent="")
        return attempt_key(identifier=self.cleaned_data.get("username", ""), ip_address=client.ip_address)
