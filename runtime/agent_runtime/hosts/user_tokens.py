"""Reads the token that a caller lends to the tools of its run, on hosts where that caller waits for it."""

import re
from dataclasses import replace
from typing import Final

from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import HttpCall
from agent_runtime.records import RunRequest
from agent_runtime.secrets import SecretValue
from agent_runtime.tools.user_tokens import HEADER

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,8192}={0,2}")
"""As RFC 6750 writes what stands behind `Bearer`; an HTTP API takes 10 KB of headers in all:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""


def with_user_token(request: RunRequest, call: HttpCall) -> RunRequest:
    """The request with the caller's own token, if it came with one. Raises `Problem` 400, which does not
    repeat it."""
    given = call.headers.get(HEADER, "").strip()
    if not given:
        return request
    if _TOKEN.fullmatch(given) is None:
        detail = f"`{HEADER}` is the token alone, 8 KB at most, without the word Bearer"
        raise Problem(400, "bad-request", "The user's token cannot be used", detail)
    return replace(request, user_token=SecretValue(given))
