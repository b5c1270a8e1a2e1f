"""The paths of the gateway that belong to the embedded cloud itself and not to AWS: `/_embedded/…`."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Asked:
    query: Mapping[str, str]
    body: Any
    """What the JSON says; None where there is none."""


@dataclass(frozen=True)
class Said:
    value: Any
    status: str = "200 OK"


Door = Callable[[Asked], Said]


def asked(environ: Mapping[str, Any]) -> Asked:
    """Raises ValueError for a body that is no JSON."""
    length = min(int(environ.get("CONTENT_LENGTH") or 0), _MOST_BYTES)
    body = environ.get("wsgi.input", io.BytesIO()).read(length)
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    return Asked(query, json.loads(body) if body else None)
