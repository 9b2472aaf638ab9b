"""What goes wrong with files."""

from core.errors import Unavailable

RETRY_AFTER_SECONDS = 5


class StorageUnavailable(Unavailable, OSError):
    """The storage did not answer, or refused; nothing is known of the file. Also an OSError, as from a disk."""

    code = "storage_unavailable"
    title = "Files cannot be reached at present"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after_seconds=RETRY_AFTER_SECONDS)
