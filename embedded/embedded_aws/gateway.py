"""The one door to the embedded AWS: a call is authorised, then answered by what runs here or by moto."""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from http.client import responses
from typing import Any, Protocol

from embedded_aws.authorizer.authorizer import Authorizer

StartResponse = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
_MAX_BODY_BYTES = 300 * 1024 * 1024
"""More than any call may carry: Lambda takes zips of 250 MB unpacked."""


class Invoker(Protocol):
    def respond(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes] | None: ...


class Gateway:
    """A WSGI application in front of moto's."""

    def __init__(self, moto: Wsgi, authorizer: Authorizer, functions: Invoker) -> None:
        self._moto, self._authorizer, self._functions = moto, authorizer, functions

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        path = environ.get("RAW_URI", environ["PATH_INFO"]).split("?")[0]
        headers = _headers(environ)
        body = _body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        refusal = self._authorizer.refusal(method, path, query, headers, body)
        if refusal is not None:
            return _answer(start_response, refusal.status, refusal.headers, refusal.body)
        answered = self._functions.respond(method, path, query, headers, body)
        if answered is not None:
            return _answer(start_response, *answered)
        said = b"".join(self._moto(environ, start_response))
        if b"AssumeRole" in body and path == "/":
            self._register(said)
        return [said]

    def _register(self, said: bytes) -> None:
        """Credentials that moto made for a role are known to the authoriser from then on."""
        text = said.decode(errors="replace")
        held = {
            name: found[1]
            for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Arn")
            if (found := re.search(rf"<{name}>([^<]+)</{name}>", text))
        }
        session = re.search(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/(.+)", held.get("Arn", ""))
        if session and {"AccessKeyId", "SessionToken"} <= held.keys():
            role = f"arn:aws:iam::{session[1]}:role/{session[2]}"
            self._authorizer.register_assumed_role(
                held["AccessKeyId"],
                held["SessionToken"],
                role,
                session[3],
                secret_access_key=held.get("SecretAccessKey", ""),
            )


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    named = {k[5:].replace("_", "-").lower(): str(v) for k, v in environ.items() if k.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        named["content-type"] = str(environ["CONTENT_TYPE"])
    return named


def _body(environ: Mapping[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        return stream.read(min(int(length), _MAX_BODY_BYTES))
    return stream.read(_MAX_BODY_BYTES) if environ.get("wsgi.input_terminated") else b""


def _answer(
    start_response: StartResponse, status: int, headers: Mapping[str, str], body: bytes
) -> list[bytes]:
    given = [(k, v) for k, v in headers.items() if k.lower() != "content-length"]
    start_response(
        f"{status} {responses.get(status, 'Status')}", [*given, ("content-length", str(len(body)))]
    )
    return [body]
