"""Files in a bucket of S3, MinIO or whatever speaks their language. Imported only where a bucket is configured."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from typing import Any, NoReturn

from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

from core.storages.errors import StorageUnavailable

# With one retry no call keeps a request waiting for much longer than six seconds.
CONNECT_SECONDS = 2
READ_SECONDS = 3
ATTEMPTS = 2


class Bucket(S3Storage):  # type: ignore[misc]  # it has no types
    """One folder of a bucket. What is not there raises FileNotFoundError, every other failure StorageUnavailable."""

    def __init__(self, **options: Any) -> None:
        style = "path" if options.get("endpoint_url") else "auto"
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            signature_version="s3v4",
            s3={"addressing_style": style},
        )
        transfer = TransferConfig(use_threads=False, num_download_attempts=ATTEMPTS)
        super().__init__(client_config=config, transfer_config=transfer, **options)

    def delete(self, name: str) -> None:
        with _in_our_words(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _in_our_words(name):
            return bool(super().exists(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with _in_our_words(name):
            folders, files = super().listdir(name)
            return folders, files

    def size(self, name: str) -> int:
        with _in_our_words(name):
            return int(super().size(name))

    def get_modified_time(self, name: str) -> dt.datetime:
        with _in_our_words(name):
            modified: dt.datetime = super().get_modified_time(name)
            return modified

    def _open(self, name: str, mode: str = "rb") -> Any:
        with _in_our_words(name):
            opened = super()._open(name, mode)
            if "r" in mode:
                _ = opened.file  # fetched here, and not at the first read() somewhere else
            return opened

    def _save(self, name: str, content: Any) -> str:
        with _in_our_words(name):
            return str(super()._save(name, content))


class PrivateBucket(Bucket):
    """A folder whose files have no URL, not even a signed one."""

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises ValueError: private files are handed out by the API alone."""
        raise ValueError("private files have no URL")


@contextlib.contextmanager
def _in_our_words(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}:
            raise FileNotFoundError(name) from error
        raise StorageUnavailable from error
    except BotoCoreError as error:
        raise StorageUnavailable from error
