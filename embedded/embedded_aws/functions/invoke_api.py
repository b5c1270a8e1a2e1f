"""Recognises the Invoke API in an HTTP request, and answers it."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote

from embedded_aws.functions.invocation import Invocation
from embedded_aws.functions.names import parse

Response = tuple[int, dict[str, str], bytes]
"""Status, headers and body, free of any web framework."""

_INVOKE = re.compile(r"/2015-03-31/functions/(?P<function>[^/]+)/invocations/?")
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/")


def answer(
    invoke: Callable[..., Invocation],
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Response | None:
    """None when this is no invocation. `path` may be quoted or not."""
    found = _INVOKE.fullmatch(path)
    if found is None or method != "POST":
        return None
    function = unquote(found["function"])
    lowered = {name.lower(): value for name, value in headers.items()}
    qualifiers = parse_qs(query).get("Qualifier")
    result = invoke(
        _region(lowered, function),
        function,
        qualifiers[0] if qualifiers else None,
        body,
        invocation_type=lowered.get("x-amz-invocation-type", "RequestResponse"),
        log_tail=lowered.get("x-amz-log-type") == "Tail",
    )
    return result.status, dict(result.headers), result.payload


def _region(headers: Mapping[str, str], function: str) -> str:
    """A request says its region in the scope of its signature; unsigned ones mean the oldest region."""
    named = parse(function)
    if named is not None and named.region is not None:
        return named.region
    scope = _SCOPE.search(headers.get("authorization", ""))
    return scope["region"] if scope else "us-east-1"
