"""People, their sign-ins and their addresses."""

from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.accounts.states import AddressType, Role
from core import clock, countries
from core.ids import new_id
from core.model_bases import TimestampedModel, UUIDModel

# Two letters that look alike must not make two accounts; an international domain is written in its ASCII form.
ascii_only = RegexValidator(
    r"^[\x21-\x7e]*\Z", "Only unaccented letters, digits and signs are allowed.", code="invalid"
)
# Without "@": a username can never be taken for somebody's e-mail address.
plain_username = RegexValidator(
    r"^[\w.+-]+\Z", "Only letters, digits and the signs . + - _ are allowed.", code="invalid"
)


class UserManager(BaseUserManager["User"]):
    """Makes accounts; the e-mail address is stored in lower case and is the identity."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Return a saved account with a hashed password. Raises ValueError without an address."""
        if not email:
            raise ValueError("An account needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        """Return the account by its address in any case of letters, for the back office's sign-in."""
        return self.get(email=(email or "").strip().lower())

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Return a saved admin with every permission in the back office."""
        return self.create_user(email, password, **{**fields, "role": Role.ADMIN, "is_superuser": True})


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account. `token_version` dates all their tokens: raise it and they are dead at once."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True, max_length=254, validators=[ascii_only])
    # Unique without regard to case: see Meta.
    username = models.CharField(max_length=150, null=True, blank=True, validators=[plain_username])
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CUSTOMER)
    is_active = models.BooleanField(default=True)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    token_version = models.PositiveIntegerField(default=0)
    date_joined = models.DateTimeField(default=clock.now, editable=False)

    _password: str | None  # the plain text, from set_password() to save()
    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("-date_joined", "id")
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_unique"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_in_lower_case"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row. A password set since the last save ends what was signed in with the old one, whichever door
        it came through: service, back office or command line."""
        if self._password is not None and not self._state.adding:
            self.token_version += 1
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "token_version"}
        super().save(*args, **kwargs)

    @property
    def is_staff(self) -> bool:
        """May enter the back office (what is seen there depends on permissions)."""
        return self.role == Role.ADMIN

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def is_seller(self) -> bool:
        return self.role == Role.SELLER

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def get_short_name(self) -> str:
        return self.first_name or self.email


class LoginSession(UUIDModel):
    """One sign-in on one device: a family of refresh tokens and the access tokens made from them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_sessions")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=40, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "id")


class RefreshToken(UUIDModel):
    """One refresh token; the key is its `jti`. Used once: `successor` is what it was exchanged for."""

    session = models.ForeignKey(LoginSession, on_delete=models.CASCADE, related_name="refresh_tokens")
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    successor = models.OneToOneField("self", on_delete=models.SET_NULL, null=True, related_name="predecessor")

    class Meta:
        ordering = ("-issued_at", "id")
        indexes = [models.Index(fields=["expires_at"], name="refresh_token_expiry")]
        constraints = [
            models.UniqueConstraint(fields=["session"], condition=Q(used_at=None), name="one_unused_refresh_token")
        ]


class AddressQuerySet(models.QuerySet["Address"]):
    """Reads of saved addresses."""

    def of_user(self, user: User) -> Self:
        return self.filter(user=user)


class Address(TimestampedModel):
    """A saved address. At most one of a user and type is the default."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    address_type = models.CharField(max_length=10, choices=AddressType.choices, default=AddressType.SHIPPING)
    full_name = models.CharField(max_length=200)
    phone_number = models.CharField(max_length=32, blank=True)
    address_line1 = models.CharField(max_length=200)
    address_line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, validators=[countries.validate])
    is_default = models.BooleanField(default=False)

    objects = AddressQuerySet.as_manager()

    class Meta:
        ordering = ("-is_default", "-created_at", "id")
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "address_type"],
                condition=Q(is_default=True),
                name="one_default_address_per_type",
            )
        ]

    def __str__(self) -> str:
        return f"{self.full_name}, {self.city}"
