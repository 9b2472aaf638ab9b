"""Makes the things tests talk about. Every name is unique; every default is plain."""

import itertools
from decimal import Decimal
from typing import Any

from apps.accounts.models import User
from apps.accounts.services.sign_in import ClientInfo
from apps.accounts.services.tokens import start_session
from apps.accounts.states import Role
from apps.inventory.services.stock import set_available
from apps.products.models import Category, Product, ProductVariant
from apps.shipping.models import ShippingMethod, ShippingRate
from core import clock

PASSWORD = "correct-horse-battery"
ADDRESS = {
    "full_name": "Ada Lovelace",
    "phone_number": "+1 555 0100",
    "address_line1": "1 Analytical Way",
    "address_line2": "",
    "city": "Austin",
    "state": "TX",
    "postal_code": "78701",
    "country": "US",
}
_number = itertools.count(1)


def make_user(**fields: Any) -> User:
    """Return a customer with the password PASSWORD."""
    password = fields.pop("password", PASSWORD)
    fields.setdefault("email", f"person{next(_number)}@example.com")
    return User.objects.create_user(password=password, **fields)


def make_admin(**fields: Any) -> User:
    return make_user(role=Role.ADMIN, is_superuser=True, **fields)


def make_seller(**fields: Any) -> User:
    return make_user(role=Role.SELLER, **fields)


def access_token_of(user: User) -> str:
    """Return an access token of a new session, as a login would."""
    client = ClientInfo(user_agent="tests", ip_address=None)
    return start_session(user=user, client=client, now=clock.now()).access


def make_category(**fields: Any) -> Category:
    number = next(_number)
    return Category.objects.create(**{"name": f"Category {number}", "slug": f"category-{number}", **fields})


def make_product(
    *, price: str | Decimal = "10.00", stock: int | None = 10, variant: dict[str, Any] | None = None, **fields: Any
) -> Product:
    """Return a product for sale with one variant and `stock` available units (None: no stock row at all)."""
    number = next(_number)
    seller = fields.pop("seller", None) or make_seller()
    name = fields.pop("name", f"Product {number}")
    product = Product.objects.create(
        **{
            "name": name,
            "slug": f"product-{number}",
            "seller": seller,
            "price": Decimal(price),
            "currency": "USD",
            "search_text": name.casefold(),
            **fields,
        }
    )
    make_variant(product, price=price, stock=stock, **(variant or {}))
    return product


def make_variant(
    product: Product, *, price: str | Decimal = "10.00", stock: int | None = 10, **fields: Any
) -> ProductVariant:
    """Return one more variant of a product, at the next position."""
    position = product.variants.count()
    variant = ProductVariant.objects.create(
        **{
            "product": product,
            "price": Decimal(price),
            "currency": "USD",
            "position": position,
            "weight_grams": 500,
            **fields,
        }
    )
    if stock is not None:
        set_available(variant_id=variant.id, quantity=stock, reason="test", now=clock.now())
    return variant


def default_variant(product: Product) -> ProductVariant:
    return product.variants.order_by("position").first()  # type: ignore[return-value]


def make_shipping(*, code: str = "standard", price: str = "5.00", **fields: Any) -> ShippingMethod:
    """Return a method with one rate for everywhere."""
    method = ShippingMethod.objects.create(code=code, name=code.title())
    ShippingRate.objects.create(method=method, price=Decimal(price), currency="USD", **fields)
    return method
