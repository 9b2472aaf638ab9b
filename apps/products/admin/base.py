"""What the catalogue's pages of the back office share."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from core.errors import ShopError


class CatalogueAdmin(ModelAdmin):  # type: ignore[misc]
    """Shows a refusal of the services as a message; the page's transaction has been rolled back by then."""

    list_per_page = 50

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except ShopError as error:
            self.message_user(request, f"Nothing was changed. {error.detail}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return response
