"""Files in a folder that no web server shows."""

import os
import secrets
from pathlib import Path
from typing import Any, NoReturn

from django.core.files.storage import FileSystemStorage

PART = ".part"


class PrivateFiles(FileSystemStorage):
    """A file appears whole or not at all, replaces the one of its name, and has no URL."""

    def __init__(self, location: Path) -> None:
        super().__init__(location, file_permissions_mode=0o600, directory_permissions_mode=0o700, allow_overwrite=True)

    def url(self, name: str | None) -> NoReturn:
        """Raises ValueError: private files are handed out by the API alone."""
        raise ValueError("private files have no URL")

    def _save(self, name: str, content: Any) -> str:
        part = f"{name}.{secrets.token_hex(8)}{PART}"
        try:
            super()._save(part, content)  # type: ignore[misc]  # the stubs leave it out
            os.replace(self.path(part), self.path(name))
        finally:
            self.delete(part)
        return name
