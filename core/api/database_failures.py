"""Failures of the database that pass: which they are, and what they are called in an answer."""

import logging

from django.db import InterfaceError, NotSupportedError, OperationalError, connection

from core.errors import Busy, Unavailable

# What PostgreSQL says of a row held too long, a deadlock, two writers at odds and a statement that took too long.
_BUSY_SQLSTATES = frozenset({"55P03", "40P01", "40001", "57014"})
logger = logging.getLogger("shop.errors")


def is_passing_failure(error: Exception) -> bool:
    """Tell whether trying again may help: the database is away, a row was held too long, or a column changed under a
    plan that this connection keeps (the connection is closed then: the next one plans anew)."""
    if isinstance(error, NotSupportedError) and "cached plan" in str(error):
        connection.close()
        return True
    return isinstance(error, OperationalError | InterfaceError)


def database_refusal(error: Exception) -> Unavailable:
    """Return what to tell of a passing failure: Busy when others hold what is needed, else that the database is away.
    The transaction is gone."""
    logger.warning("database unavailable: %s", error, exc_info=error)
    cause = error.__cause__
    is_held = getattr(cause, "sqlstate", None) in _BUSY_SQLSTATES
    if is_held or getattr(cause, "sqlite_errorname", "") == "SQLITE_BUSY":
        return Busy("Others are changing what this needs. Please try again in a moment.")
    return Unavailable("The shop is busy or restarting. Please try again in a moment.")
