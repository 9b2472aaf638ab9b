"""The base of every API view."""

from typing import ClassVar

from rest_framework.views import APIView


class ShopView(APIView):
    """Parse, call one service or selector, shape. `throttle_scope` names a rate of settings.THROTTLE_RATES."""

    throttle_scope: ClassVar[str] = "default"
