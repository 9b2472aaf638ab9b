"""Routes of the catalogue under /api/v1/. Public GETs are answered from memory (core.api.cached_views)."""

from django.urls import path

from apps.products.api.v1 import pages, views
from core.api.cached_views import cached_view

urlpatterns = [
    path("products/", cached_view(views.ProductListView.as_view(), build=pages.product_list)),
    path("products/<uuid:product_id>/", cached_view(views.ProductDetailView.as_view(), build=pages.product_detail)),
    path("categories/", cached_view(views.CategoryListView.as_view(), build=pages.category_list)),
    path(
        "categories/<uuid:category_id>/", cached_view(views.CategoryDetailView.as_view(), build=pages.category_detail)
    ),
]
