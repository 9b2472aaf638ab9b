"""Who may ask: by role. Whose object it is, the selectors decide."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.accounts.models import User


def signed_in_user(request: Request) -> User:
    """Return the user of a request that a permission of this module has let in."""
    if not isinstance(request.user, User):
        raise TypeError("the view lets in anonymous requests")
    return request.user


class IsSignedIn(BasePermission):
    """Any open account."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User)


class IsAdmin(BasePermission):
    """The shop's admins."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and request.user.is_admin


class IsSellerOrAdmin(BasePermission):
    """Sellers and admins. A seller's rights to a single object are the selector's business."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and (request.user.is_seller or request.user.is_admin)
