"""Settings of stored files, read from the environment variables of docs/settings.md. Part of `base`.

With a bucket, pictures lie below `media/` in it and documents below `documents/`; without one, in two folders.
"""

from pathlib import Path
from typing import Any

from config import env
from config.settings import environment

MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(environment.RUNTIME_DIR / "media")))
DOCUMENTS_ROOT = Path(env.text("DOCUMENTS_ROOT", str(environment.RUNTIME_DIR / "documents")))
S3_BUCKET = env.text("AWS_STORAGE_BUCKET_NAME")
S3_DOCUMENTS_BUCKET = env.text("AWS_DOCUMENTS_BUCKET_NAME", S3_BUCKET)
FILES, BUCKET = "django.core.files.storage.FileSystemStorage", "core.storages.s3.Bucket"


def bucket_options(*, bucket: str, folder: str) -> dict[str, Any]:
    """Return the options of a folder of a bucket. Without keys those of the machine's role are used."""
    return {
        "bucket_name": bucket,
        "location": folder,
        "access_key": env.text("AWS_ACCESS_KEY_ID") or None,
        "secret_key": env.text("AWS_SECRET_ACCESS_KEY") or None,
        "region_name": env.text("AWS_S3_REGION_NAME") or None,
        "endpoint_url": env.service_url("AWS_S3_ENDPOINT_URL", ("http", "https")) or None,
        "default_acl": None,  # the owner alone, unless the bucket's policy says more of the folder
        "querystring_auth": False,
        "file_overwrite": True,
    }


def _media() -> dict[str, Any]:
    if backend := env.text("MEDIA_STORAGE", "" if S3_BUCKET else FILES):
        return {"BACKEND": backend}
    public = {
        "file_overwrite": False,
        "custom_domain": env.text("AWS_S3_CUSTOM_DOMAIN") or None,
        "default_acl": env.text("AWS_DEFAULT_ACL") or None,
    }
    return {"BACKEND": BUCKET, "OPTIONS": bucket_options(bucket=S3_BUCKET, folder="media") | public}


def _documents() -> dict[str, Any]:
    if S3_DOCUMENTS_BUCKET:
        options = bucket_options(bucket=S3_DOCUMENTS_BUCKET, folder="documents")
        return {"BACKEND": "core.storages.s3.PrivateBucket", "OPTIONS": options}
    return {"BACKEND": "core.storages.local.PrivateFiles", "OPTIONS": {"location": DOCUMENTS_ROOT}}


STORAGES = {
    "default": _media(),
    "documents": _documents(),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
