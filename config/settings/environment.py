"""The .env file, read before any setting is: every other module of settings imports this one first."""

from pathlib import Path

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env.read_env_file(Path(env.text("ENV_FILE", str(BASE_DIR / ".env"))))
RUNTIME_DIR = Path(env.text("RUNTIME_DIR", str(BASE_DIR / "var")))
