"""REST operations: found by method, path, query and headers; their members read from the same places."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.model import OperationModel, StructureShape

from embedded_aws.authorizer.service_models import model

Query = Mapping[str, list[str]]


@dataclass(frozen=True)
class Route:
    operation: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    query: tuple[tuple[str, str | None], ...]
    """Keys, some with a value, that the URI or a required member asks for."""
    headers: tuple[str, ...]
    rank: tuple[int, int, bool]

    def takes(self, method: str, path: str, query: Query, headers: Mapping[str, str]) -> re.Match[str] | None:
        if method != self.method:
            return None
        for key, value in self.query:
            if key not in query or (value is not None and value not in query[key]):
                return None
        if any(name not in headers for name in self.headers):
            return None
        return self.path.fullmatch(path)


def find(
    service: str, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes
) -> tuple[str, dict[str, Any]] | None:
    """(operation, params), or None. `path` is percent-encoded: an encoded slash is no separator."""
    for route in _routes(service):
        if found := route.takes(method, path, query, headers):
            values = [unquote(value) for value in found.groups()]
            operation = model(service).operation_model(route.operation)
            labels = dict(zip(route.labels, values, strict=True))
            return route.operation, _params(operation, labels, query, headers, body)
    return None


@cache
def _routes(service: str) -> tuple[Route, ...]:
    """The most demanding first."""
    operations = (model(service).operation_model(name) for name in model(service).operation_names)
    return tuple(sorted((_route(o) for o in operations), key=lambda r: (r.rank, r.operation)))


def _route(operation: OperationModel) -> Route:
    path, _, wanted = str(operation.http["requestUri"]).partition("?")
    query: dict[str, str | None] = {}
    for pair in filter(None, wanted.split("&")):
        key, _, value = pair.partition("=")
        query[key] = value or None
    headers: list[str] = []
    for name, member in _members(operation):
        if name in _required(operation):
            if member.serialization.get("location") == "querystring":
                query.setdefault(member.serialization["name"], None)
            if member.serialization.get("location") == "header":
                headers.append(member.serialization["name"].lower())
    pieces = re.split(r"\{([^}]+)\}", path)
    expression = "".join(
        re.escape(piece) if index % 2 == 0 else "(.+)" if piece.endswith("+") else "([^/]+)"
        for index, piece in enumerate(pieces)
    )
    return Route(
        operation=operation.name,
        method=operation.http["method"],
        path=re.compile(expression),
        labels=tuple(piece.removesuffix("+") for piece in pieces[1::2]),
        query=tuple(query.items()),
        headers=tuple(headers),
        rank=(-len(query) - len(headers), -sum(map(len, pieces[::2])), operation.deprecated),
    )


def _params(
    operation: OperationModel,
    labels: Mapping[str, str],
    query: Query,
    headers: Mapping[str, str],
    body: bytes,
) -> dict[str, Any]:
    params: dict[str, Any] = {}
    content: Any = _content(operation, body)
    for name, member in _members(operation):
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        if place == "uri" and key in labels:
            params[name] = labels[key]
        elif place == "querystring" and key in query:
            params[name] = query[key] if member.type_name == "list" else query[key][-1]
        elif place == "header" and key.lower() in headers:
            params[name] = headers[key.lower()]
        elif place is None and isinstance(content, dict) and key in content:
            params[name] = content[key]
    return params


def _content(operation: OperationModel, body: bytes) -> Any:
    """The members that a JSON body holds. XML bodies are left to those who need them."""
    if operation.service_model.metadata["protocol"] != "rest-json" or not body:
        return None
    if operation.input_shape is not None and operation.input_shape.serialization.get("payload"):
        return None
    try:
        return json.loads(body)
    except ValueError:
        return None


def _members(operation: OperationModel) -> list[tuple[str, Any]]:
    shape = operation.input_shape
    return list(shape.members.items()) if isinstance(shape, StructureShape) else []


def _required(operation: OperationModel) -> list[str]:
    shape = operation.input_shape
    return shape.required_members if isinstance(shape, StructureShape) else []
