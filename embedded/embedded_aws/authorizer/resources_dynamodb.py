"""Which tables, indexes and partitions a DynamoDB call touches.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from embedded_aws.authorizer import attributes, leading_keys
from embedded_aws.authorizer.needs import Need, arn
from embedded_aws.authorizer.request import ApiCall

_TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}

_Touched = tuple[str, str, Mapping[str, Any], Mapping[str, Any]]
"""(action, table, key or item, the part of the request that speaks of it)"""


def dynamodb_needs(call: ApiCall) -> list[Need]:
    params, action = call.params, f"dynamodb:{call.operation}"
    table = str(params.get("TableName", ""))
    match call.operation:
        case "GetItem" | "UpdateItem" | "DeleteItem":
            return _by_item(call, [(action, table, params.get("Key") or {}, params)], _returned(params))
        case "PutItem":
            return _by_item(call, [(action, table, params.get("Item") or {}, params)], _returned(params))
        case "BatchGetItem" | "BatchWriteItem":
            return _by_item(call, _batch(action, params))
        case "TransactWriteItems" | "TransactGetItems":
            touched = [
                (
                    _TRANSACTION[kind],
                    what.get("TableName", ""),
                    what.get("Key") or what.get("Item") or {},
                    what,
                )
                for item in params.get("TransactItems") or []
                for kind, what in item.items()
                if kind in _TRANSACTION
            ]
            return _by_item(call, touched, {"dynamodb:enclosingoperation": (str(call.operation),)})
        case "Query":
            found = leading_keys.of_query(call.region, params)
            if found is None:
                return [Need(action, _target(call))]
            return [Need(action, _target(call), {"dynamodb:leadingkeys": found, **_attributes([params])})]
        case "Scan":
            return [
                Need(action, _target(call), {"dynamodb:fulltablescan": ("true",), **_attributes([params])})
            ]
        case _:
            return [Need(action, _target(call))]


def stream_needs(call: ApiCall) -> list[Need]:
    """A shard iterator does not name its stream in the clear; GetRecords is judged by `*`."""
    return [Need(f"dynamodb:{call.operation}", str(call.params.get("StreamArn") or "*"))]


def _batch(action: str, params: Mapping[str, Any]) -> Iterable[_Touched]:
    for table, asked in (params.get("RequestItems") or {}).items():
        if isinstance(asked, dict):
            yield from ((action, table, key, {**asked, "Key": key}) for key in asked.get("Keys") or [{}])
        else:
            for write in asked:
                put, delete = write.get("PutRequest") or {}, write.get("DeleteRequest") or {}
                yield action, table, put.get("Item") or delete.get("Key") or {}, put or delete


def _by_item(
    call: ApiCall, touched: Iterable[_Touched], extra: Mapping[str, tuple[str, ...]] | None = None
) -> list[Need]:
    """One need for each action and table, with all of their partition keys and attributes."""
    grouped: defaultdict[tuple[str, str], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = defaultdict(
        list
    )
    for action, table, item, asked in touched:
        grouped[action, table].append((item, asked))
    needs: list[Need] = []
    for (action, table), parts in grouped.items():
        found = leading_keys.of_items(call.region, table, [item for item, _ in parts])
        named = _attributes([asked for _, asked in parts])
        context = {} if found is None else {"dynamodb:leadingkeys": found, **named}
        needs.append(Need(action, _table_arn(call, table), {**context, **(extra or {})}))
    return needs or [Need(f"dynamodb:{call.operation}")]


def _attributes(requests: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {"dynamodb:attributes": attributes.of_requests(requests)}


def _returned(params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    given = params.get("ReturnValues")
    return {"dynamodb:returnvalues": (str(given),)} if given else {}


def _target(call: ApiCall) -> str:
    if name := call.params.get("TableName"):
        index = call.params.get("IndexName")
        return _table_arn(call, str(name)) + (f"/index/{index}" if index else "")
    return str(call.params.get("ResourceArn") or call.params.get("TableArn") or "*")


def _table_arn(call: ApiCall, name: str) -> str:
    return name if name.startswith("arn:") else arn("dynamodb", call.region, f"table/{name}")
