"""Permissions that know no role. Everything is denied until a view says who may."""

from typing import TYPE_CHECKING

from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = ["AllowAny", "DenyAll"]


class DenyAll(BasePermission):
    """The default: a view that forgot to say who may is closed."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return False
