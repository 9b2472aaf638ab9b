"""The contract of private files, over a folder and over a bucket; and what the shop keeps in a bucket, on moto's S3."""

import datetime as dt
import importlib
import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage, storages
from django.utils.module_loading import import_string
from moto.server import ThreadedMotoServer
from PIL import Image

from apps.accounts.models import User
from apps.invoices.models import Invoice, InvoiceDocument
from apps.orders.models import Order
from apps.products.services.images import add_image, remove_image
from config.settings import storage as storage_settings
from core import clock
from core.events.models import DeliveryState, OutboxDelivery
from core.events.worker import deliver_all_due
from core.storages import s3
from core.storages.errors import StorageUnavailable
from core.storages.local import PrivateFiles
from tests.apps.orders.making import make_order
from tests.factories import make_product
from tests.http import ApiClient
from tests.ports import free_port

BUCKET = "shop-files"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_S3_REGION_NAME": "us-east-1"}
Signed = Callable[[User], ApiClient]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """A stand-in for S3 on a port of its own; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(moto: str) -> Any:
    """A client of an S3 that holds one empty bucket and nothing else."""
    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST"), timeout=5)
    made = boto3.client(
        "s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    made.create_bucket(Bucket=BUCKET)
    return made


class Environment:
    """Reads the settings of stored files anew, as a start with these variables would."""

    def __init__(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._settings, self._monkeypatch = settings, monkeypatch

    def __call__(self, **variables: str) -> dict[str, Any]:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)
        self._settings.STORAGES = importlib.reload(storage_settings).STORAGES
        found: dict[str, Any] = self._settings.STORAGES
        return found


@pytest.fixture
def environment(settings: Any) -> Iterator[Environment]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Environment(settings, monkeypatch)
    importlib.reload(storage_settings)


@pytest.fixture
def on_s3(environment: Environment, client: Any, moto: str) -> Any:
    """The shop keeps its files in the bucket. Returns a client that looks into it."""
    environment(
        AWS_STORAGE_BUCKET_NAME=BUCKET, AWS_S3_ENDPOINT_URL=moto, AWS_DEFAULT_ACL="public-read", **KEYS
    )  # which is for pictures alone
    return client


def keys_in(client: Any) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


# --- The contract of private files -----------------------------------------------------------------
@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return PrivateFiles(tmp_path)
    request.getfixturevalue("on_s3")
    return storages["documents"]


def test_what_was_saved_is_read(files: Storage) -> None:
    name = files.save("papers/2026/one.pdf", ContentFile(b"one"))
    assert name == "papers/2026/one.pdf"
    with files.open(name) as file:
        assert file.read() == b"one"
    assert (files.exists(name), files.size(name)) == (True, 3)
    assert abs(files.get_modified_time(name) - clock.now()) < dt.timedelta(minutes=1)
    assert files.listdir("papers") == (["2026"], [])
    assert files.listdir("papers/2026") == ([], ["one.pdf"])


def test_a_file_of_the_same_name_takes_its_place(files: Storage) -> None:
    for data in (b"first", b"second"):
        assert files.save("one.pdf", ContentFile(data)) == "one.pdf"
    with files.open("one.pdf") as file:
        assert file.read() == b"second"
    assert files.listdir("")[1] == ["one.pdf"]


def test_what_is_not_there_is_not_found_and_may_be_deleted(files: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        files.open("absent.pdf")
    assert not files.exists("absent.pdf")
    files.delete("absent.pdf")


def test_private_files_have_no_url(files: Storage) -> None:
    files.save("one.pdf", ContentFile(b"one"))
    with pytest.raises(ValueError, match="private files have no URL"):
        files.url("one.pdf")


# --- Settings --------------------------------------------------------------------------------------
def test_without_a_bucket_files_are_kept_on_this_machine(environment: Environment, tmp_path: Path) -> None:
    found = environment(DOCUMENTS_ROOT=str(tmp_path))
    assert found["default"] == {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    assert found["documents"] == {"BACKEND": "core.storages.local.PrivateFiles", "OPTIONS": {"location": tmp_path}}


def test_documents_may_have_a_bucket_of_their_own_and_pictures_a_domain(environment: Environment) -> None:
    environment(
        AWS_STORAGE_BUCKET_NAME=BUCKET,
        AWS_DOCUMENTS_BUCKET_NAME="papers",
        AWS_S3_CUSTOM_DOMAIN="cdn.example.com",
        **KEYS,
    )
    assert default_storage.url("products/a b.png") == "https://cdn.example.com/media/products/a%20b.png"
    assert (storages["documents"].bucket_name, storages["documents"].location) == ("papers", "documents")  # type: ignore[attr-defined]


def test_calls_are_bounded_in_time(on_s3: Any) -> None:
    for name in ("default", "documents"):
        config = storages[name].client_config  # type: ignore[attr-defined]
        assert config.connect_timeout <= 3
        assert config.read_timeout <= 3
        assert config.retries == {"total_max_attempts": 2, "mode": "standard"}


# --- Pictures --------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_pictures_of_products_are_kept_in_the_bucket_and_have_plain_urls(on_s3: Any, moto: str, api: ApiClient) -> None:
    product = make_product()
    upload = io.BytesIO()
    Image.new("RGB", (4, 3)).save(upload, "PNG")
    image = add_image(product=product, upload=io.BytesIO(upload.getvalue()), now=clock.now())
    assert keys_in(on_s3) == [f"media/{image.file.name}"]
    url = api.get(f"products/{product.pk}/").json()["image_url"]
    assert url == f"{moto}/{BUCKET}/media/{image.file.name}"
    with urllib.request.urlopen(url, timeout=5) as response:
        assert response.headers["Content-Type"] == "image/png"
        assert Image.open(io.BytesIO(response.read())).size == (4, 3)


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_is_removed_leaves_the_bucket(on_s3: Any) -> None:
    upload = io.BytesIO()
    Image.new("RGB", (4, 3)).save(upload, "PNG")
    image = add_image(product=make_product(), upload=io.BytesIO(upload.getvalue()), now=clock.now())
    remove_image(image=image, now=clock.now())
    assert keys_in(on_s3) == []


# --- Documents -------------------------------------------------------------------------------------
@pytest.fixture
def order(customer: User) -> Order:
    return make_order(user=customer, payment_method="cod")


@pytest.mark.django_db
def test_an_invoice_is_kept_in_the_bucket_for_its_owner_alone(
    on_s3: Any, moto: str, api_as: Signed, customer: User, order: Order
) -> None:
    deliver_all_due()
    document = InvoiceDocument.objects.get()
    assert keys_in(on_s3) == [f"documents/{document.name}"]
    grants = on_s3.get_object_acl(Bucket=BUCKET, Key=f"documents/{document.name}")["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{moto}/{BUCKET}/documents/{document.name}", timeout=5)
    response = api_as(customer).get(f"orders/{order.pk}/invoice/")
    assert (response.status_code, response["Content-Type"]) == (200, "application/pdf")
    assert response.content.startswith(b"%PDF-")
    assert "amazonaws" not in str(response.headers)


@pytest.mark.django_db
def test_a_bucket_that_was_emptied_is_filled_again(on_s3: Any, api_as: Signed, customer: User, order: Order) -> None:
    deliver_all_due()
    client, path = api_as(customer), f"orders/{order.pk}/invoice/"
    before, (key,) = client.get(path).content, keys_in(on_s3)
    on_s3.delete_object(Bucket=BUCKET, Key=key)
    assert client.get(path).status_code == 202
    deliver_all_due()
    assert (client.get(path).content, keys_in(on_s3)) == (before, [key])


# --- Trouble ---------------------------------------------------------------------------------------
@pytest.fixture
def nobody_listens() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def nobody_answers() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def private_bucket(endpoint: str) -> Storage:
    options = storage_settings.bucket_options(bucket=BUCKET, folder="documents")
    made: Storage = import_string("core.storages.s3.PrivateBucket")(
        **options | {"endpoint_url": endpoint, "access_key": "testing", "secret_key": "testing"}
    )
    return made


CALLS: dict[str, Callable[[Storage], Any]] = {
    "open": lambda files: files.open("one.pdf"),
    "save": lambda files: files.save("one.pdf", ContentFile(b"one")),
    "exists": lambda files: files.exists("one.pdf"),
    "delete": lambda files: files.delete("one.pdf"),
    "listdir": lambda files: files.listdir(""),
    "size": lambda files: files.size("one.pdf"),
    "get_modified_time": lambda files: files.get_modified_time("one.pdf"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bucket_that_is_down_is_unavailable(nobody_listens: str, call: str) -> None:
    with pytest.raises(StorageUnavailable) as caught:
        CALLS[call](private_bucket(nobody_listens))
    assert caught.value.retry_after_seconds == 5
    assert isinstance(caught.value, OSError)


def test_a_bucket_that_does_not_exist_takes_nothing(client: Any, moto: str) -> None:
    client.delete_bucket(Bucket=BUCKET)
    with pytest.raises(StorageUnavailable):
        CALLS["save"](private_bucket(moto))


def test_a_silent_bucket_is_given_up_after_two_tries(nobody_answers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "READ_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        CALLS["open"](private_bucket(nobody_answers))
    assert 0.6 <= time.monotonic() - started < 6


@pytest.mark.django_db
def test_while_the_bucket_is_down_orders_go_on_and_invoices_wait(
    environment: Environment, client: Any, moto: str, nobody_listens: str, api_as: Signed, customer: User
) -> None:
    environment(AWS_STORAGE_BUCKET_NAME=BUCKET, AWS_S3_ENDPOINT_URL=nobody_listens, **KEYS)
    order, visitor = make_order(user=customer, payment_method="cod"), api_as(customer)
    path = f"orders/{order.pk}/invoice/"
    deliver_all_due()
    delivery = OutboxDelivery.objects.get(handler="invoices.store_document")
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert "StorageUnavailable" in delivery.last_error
    assert visitor.get(f"orders/{order.pk}/").json()["status"] == "confirmed"
    assert (visitor.get(path).status_code, Invoice.objects.get().number) == (202, 1)

    environment(AWS_S3_ENDPOINT_URL=moto)
    deliver_all_due(now=clock.now() + dt.timedelta(minutes=5))
    assert visitor.get(path).status_code == 200
    assert (len(keys_in(client)), Invoice.objects.get().number) == (1, 1)

    environment(AWS_S3_ENDPOINT_URL=nobody_listens)
    refused = visitor.get(path)
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert refused.json()["code"] == "storage_unavailable"
    environment(AWS_S3_ENDPOINT_URL=moto)
    assert visitor.get(path).status_code == 200
