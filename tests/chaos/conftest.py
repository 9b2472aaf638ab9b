"""What runs in the full form only (`make chaos`) is left out of all other runs."""

from tests.chaos.report import IS_FULL

collect_ignore = [] if IS_FULL else ["test_migrations.py"]
