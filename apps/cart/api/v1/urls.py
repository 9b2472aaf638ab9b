"""Routes of the cart under /api/v1/. A line's id is a UUID and nothing else, so words such as `checkout` are free."""

from django.urls import path

from apps.cart.api.v1.views import AddToCartView, CartItemView, CartLineView, CartView, ClearCartView

urlpatterns = [
    path("cart/", CartView.as_view()),
    path("cart/add/", AddToCartView.as_view()),
    path("cart/clear/", ClearCartView.as_view()),
    path("cart/items/<uuid:item_id>/", CartItemView.as_view()),
    path("cart/<uuid:item_id>/", CartLineView.as_view()),
]
