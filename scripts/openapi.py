"""Writes or checks docs/api/v1.yaml and v2.yaml: `python scripts/openapi.py write|check`."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django  # noqa: E402

django.setup()

from drf_spectacular.renderers import OpenApiYamlRenderer  # noqa: E402

from core.api.docs import VERSIONS, openapi_document  # noqa: E402


def main(command: str) -> int:
    stale = []
    for version in VERSIONS:
        path = ROOT / "docs" / "api" / f"{version}.yaml"
        text = OpenApiYamlRenderer().render(openapi_document(version), renderer_context={})
        if command == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        elif not path.exists() or path.read_bytes() != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        print(f"{', '.join(stale)} differ from the code. Run `make openapi` and look at what changed.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["write"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
