"""Accounts in the back office. Closing one and changing a password go through the services, which end sign-ins."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.accounts.forms import AccountChangeForm, AccountCreationForm, LoginForm, PasswordForm
from apps.accounts.models import Address, LoginSession, RefreshToken, User
from apps.accounts.services.activation import deactivate_account, reactivate_account
from apps.accounts.services.tokens import end_session
from apps.accounts.states import RevokedReason
from core import clock
from core.admin_bases import ReadOnlyAdmin, ReadOnlyInline

SUPERUSERS_ONLY = ("is_superuser", "groups", "user_permissions")
NOT_FOR_ONESELF = ("role", "is_active")  # nobody locks themselves out by a slip

admin.site.login_form = LoginForm
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """What the members of a group may see and do in the back office."""


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """Find an account, change its role, close and reopen it. An account is never deleted: its orders name it."""

    form = AccountChangeForm
    add_form = AccountCreationForm
    change_password_form = PasswordForm
    list_display = ("email", "username", "get_full_name", "role", "is_active", "date_joined", "last_login")
    list_filter = ("role", "is_active", "is_superuser", "date_joined")
    search_fields = ("email", "username", "first_name", "last_name", "phone")
    search_help_text = "E-mail address, username, name or telephone number"
    date_hierarchy = "date_joined"
    ordering = ("-date_joined", "-id")
    list_per_page = 50
    readonly_fields = ("date_joined", "last_login", "email_verified_at")
    actions = ("close_accounts", "reopen_accounts")
    fieldsets = (
        (None, {"fields": ("email", "username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "phone")}),
        ("Rights", {"fields": ("role", "is_active", *SUPERUSERS_ONLY)}),
        ("Times", {"fields": ("date_joined", "last_login", "email_verified_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "username", "first_name", "last_name", "phone", "role", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = self.readonly_fields if _is_superuser(request) else (*self.readonly_fields, *SUPERUSERS_ONLY)
        return (*fields, *NOT_FOR_ONESELF) if obj is not None and obj == request.user else fields

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not _is_superuser(request):
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write only what was changed: other columns may have moved on meanwhile (`token_version` above all)."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in User._meta.concrete_fields}
        changed = [name for name in form.changed_data if name in columns and name != "is_active"]
        if changed:
            obj.save(update_fields=changed)
        if "is_active" in form.changed_data:
            _set_active(obj, active=obj.is_active)

    @admin.action(description="Close the chosen accounts", permissions=["change"])
    def close_accounts(self, request: HttpRequest, accounts: QuerySet[User]) -> None:
        self._set_active(request, accounts, active=False)

    @admin.action(description="Reopen the chosen accounts", permissions=["change"])
    def reopen_accounts(self, request: HttpRequest, accounts: QuerySet[User]) -> None:
        self._set_active(request, accounts, active=True)

    def _set_active(self, request: HttpRequest, accounts: QuerySet[User], *, active: bool) -> None:
        others = [each for each in accounts if each != request.user and self.has_change_permission(request, each)]
        changed = sum(_set_active(account, active=active) for account in others)
        self.message_user(request, f"{changed} of the chosen accounts were changed.", messages.SUCCESS)


class RefreshTokenInline(ReadOnlyInline):
    """The refresh tokens of a sign-in, newest first. The tokens themselves are not kept, only their numbers."""

    model = RefreshToken
    fields = readonly_fields = ("id", "issued_at", "expires_at", "used_at")
    extra = 0


@admin.register(LoginSession)
class LoginSessionAdmin(ReadOnlyAdmin):
    """Who is signed in where, and since when. A sign-in can be ended, not edited."""

    list_display = ("user", "created_at", "ip_address", "user_agent", "revoked_at", "revoked_reason")
    list_filter = ("revoked_reason", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__username", "ip_address")
    search_help_text = "E-mail address, username or IP address"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    list_per_page = 50
    inlines = (RefreshTokenInline,)
    actions = ("end",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Who may change accounts may end their sign-ins."""
        return request.user.has_perm("accounts.change_user")

    @admin.action(description="End the chosen sign-ins", permissions=["end"])
    def end(self, request: HttpRequest, sessions: QuerySet[LoginSession]) -> None:
        now = clock.now()
        for session_id in sessions.values_list("pk", flat=True):
            end_session(session_id=session_id, reason=RevokedReason.ENDED_BY_ADMIN, now=now)
        self.message_user(request, "The chosen sign-ins were ended.", messages.SUCCESS)


@admin.register(Address)
class AddressAdmin(ModelAdmin):  # type: ignore[misc]
    """Saved addresses. Orders have their own copies, which do not change with them."""

    list_display = ("user", "address_type", "full_name", "city", "country", "is_default")
    list_filter = ("address_type", "is_default", "country")
    list_select_related = ("user",)
    search_fields = ("user__email", "full_name", "city", "postal_code", "phone_number")
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at", "updated_at")
    list_per_page = 50


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def _set_active(account: User, *, active: bool) -> bool:
    if active:
        return reactivate_account(user_id=account.pk)
    return deactivate_account(user_id=account.pk, now=clock.now())
