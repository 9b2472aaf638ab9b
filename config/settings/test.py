"""The test suite: fast hashing, mail in memory, no throttles unless a test asks for them."""

import os
import tempfile
from pathlib import Path

os.environ["ENV_FILE"] = os.environ.get("TEST_ENV_FILE", os.devnull)
os.environ.setdefault("SECRET_KEY", "a key for tests only, never used to serve anybody")
os.environ.setdefault("ENVIRONMENT", "test")
os.environ.setdefault("RUNTIME_DIR", str(Path(tempfile.gettempdir()) / f"shop-tests-{os.getpid()}"))

from config.settings.base import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
THROTTLE_ENABLED = False
ACCESS_LOG = False
CATALOGUE_CACHE_SECONDS = 0  # a test that is rolled back tells no change counter; tests of the cache switch it on
SIMULATED_WEBHOOK_SECRET = "whsec_test_simulated"

# Making and dropping a test database copies files: on a busy disk that takes longer than a shop's statement may.
if DATABASES["default"]["ENGINE"].endswith("postgresql"):  # noqa: F405
    DATABASES["default"]["OPTIONS"]["options"] += " -c statement_timeout=120000"  # noqa: F405
    # In a race all come at once to a row; a server lets few in at a time.
    DATABASES["default"]["OPTIONS"]["options"] += " -c lock_timeout=3000"  # noqa: F405
