"""Amazon EC2: route tables, their routes and what is associated with them."""

import zlib
from typing import Any

from embedded_aws.provider.rows import Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT
from embedded_aws.tables.ec2 import TAGS, arn

_TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "transitGatewayId": "TransitGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "vpcEndpointId": "VpcEndpointId",
}
_DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_INLINE = {"cidrBlock": "DestinationCidrBlock", "ipv6CidrBlock": "DestinationIpv6CidrBlock"} | {
    "destinationPrefixListId": "DestinationPrefixListId"
}


def _destination(properties: Properties) -> str:
    return next(properties[name] for name in _DESTINATIONS if properties.get(name))


def _route_id(properties: Properties) -> str:
    """As the official provider makes it, so that a stack may move between the two."""
    return f"r-{properties['routeTableId']}{zlib.crc32(_destination(properties).encode())}"


def _imported_route(import_id: str) -> Properties:
    table, destination = import_id.split("_", 1)
    kinds = (
        ("destinationPrefixListId", "pl-"),
        ("destinationIpv6CidrBlock", ":"),
        ("destinationCidrBlock", ""),
    )
    name = next(name for name, mark in kinds if mark in destination)
    return {"routeTableId": table, name: destination}


def _table(client: Client, table: str) -> Any:
    return client.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]


def _route(client: Client, _route: str, state: Properties) -> Any:
    wanted = _destination(state)
    routes = _table(client, state["routeTableId"])["Routes"]
    return next((r for r in routes if wanted in {r.get(m) for m in _DESTINATIONS.values()}), None)


def _route_outputs(found: Any) -> Properties:
    """Each target, so that one which was put in another's place shows."""
    targets = {name: found.get(member) or "" for name, member in _TARGETS.items()}
    if targets["gatewayId"].startswith("vpce-"):
        targets |= {"gatewayId": "", "vpcEndpointId": targets["gatewayId"]}
    return {**targets, "state": found.get("State") or "", "origin": found.get("Origin") or ""}


def _only_one_target(given: Properties) -> Properties:
    return {k: v for k, v in given.items() if v != ""}


def _delete_route(client: Client, _route: str, state: Properties) -> None:
    members = {_DESTINATIONS[n]: state[n] for n in _DESTINATIONS if state.get(n)}
    client.delete_route(RouteTableId=state["routeTableId"], **members)


def _inline(found: Any) -> list[Properties]:
    """The routes that a program may list: neither the network's own nor those of gateway endpoints."""
    names = _INLINE | _TARGETS
    return [
        {name: route[member] for name, member in names.items() if route.get(member)}
        for route in found["Routes"]
        if route.get("GatewayId") != "local" and not str(route.get("GatewayId")).startswith("vpce-")
    ]


def _given_routes(properties: Properties) -> list[Properties]:
    return [{k: v for k, v in route.items() if v} for route in properties.get("routes") or []]


def _write_routes(client: Client, table: str, properties: Properties) -> None:
    wanted, held = _given_routes(properties), _inline(_table(client, table))
    for route in (r for r in held if r not in wanted):
        client.delete_route(RouteTableId=table, **{_INLINE[k]: v for k, v in route.items() if k in _INLINE})
    for route in (r for r in wanted if r not in held):
        members = {(_INLINE | _TARGETS)[k]: v for k, v in route.items()}
        client.create_route(RouteTableId=table, **members)


def _read_routes(client: Client, table: str, state: Properties) -> Properties:
    """Order means nothing to AWS: routes that are as the program says stay in the program's order."""
    given, held = _given_routes(state), _inline(_table(client, table))
    as_given = len(given) == len(held) and all(route in held for route in given)
    return {} if as_given else {"routes": held}


def _disassociate_all(client: Client, table: str, _state: Properties) -> None:
    for association in _table(client, table).get("Associations", []):
        if not association.get("Main"):
            client.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])


def _imported_association(import_id: str) -> Properties:
    place, table = import_id.split("/", 1)
    return {"subnetId" if place.startswith("subnet-") else "gatewayId": place, "routeTableId": table}


def _association(client: Client, _association: str, state: Properties) -> Any:
    """By what is associated: AWS gives an association that moves to another table a new id."""
    tables = [
        t for page in client.get_paginator("describe_route_tables").paginate() for t in page["RouteTables"]
    ]
    return next(
        (
            a
            for a in (a for t in tables for a in t.get("Associations", []))
            if (a.get("SubnetId") or a.get("GatewayId"))
            and (a.get("SubnetId"), a.get("GatewayId")) == (state.get("subnetId"), state.get("gatewayId"))
        ),
        None,
    )


def _move(client: Client, association: str, properties: Properties) -> None:
    held = _association(client, association, properties)
    client.replace_route_table_association(
        AssociationId=held["RouteTableAssociationId"], RouteTableId=properties["routeTableId"]
    )


def _disassociate(client: Client, association: str, state: Properties) -> None:
    held = _association(client, association, state)
    if held is not None:
        client.disassociate_route_table(AssociationId=held["RouteTableAssociationId"])


ROWS = (
    Row(
        token="aws:ec2/routeTable:RouteTable",
        service="ec2",
        create="CreateRouteTable",
        id="{RouteTableId}",
        created_at="RouteTable",
        read="DescribeRouteTables",
        at="RouteTables[0]",
        delete="DeleteRouteTable",
        key={"RouteTableId": "{id}", "RouteTableIds": "{id}"},
        outputs=lambda t: {
            "arn": arn("route-table", t["RouteTableId"]),
            "ownerId": t.get("OwnerId") or ACCOUNT,
        },
        settings=(Setting(("routes",), _write_routes, _read_routes), TAGS),
        before_delete=_disassociate_all,
    ),
    Row(
        token="aws:ec2/route:Route",
        service="ec2",
        create="CreateRoute",
        id=_route_id,
        imported=_imported_route,
        update="ReplaceRoute",
        key={"RouteTableId": "{routeTableId}"},
        find=_route,
        renames=_TARGETS,
        prepare=_only_one_target,
        outputs=_route_outputs,
        before_delete=_delete_route,
        replaces=frozenset({"routeTableId", *_DESTINATIONS}),
        owned=frozenset(_TARGETS),
    ),
    Row(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        create="AssociateRouteTable",
        id=lambda p: p.get("AssociationId") or p["id"],
        imported=_imported_association,
        created_at="",
        find=_association,
        outputs=lambda a: {"id": a["RouteTableAssociationId"], "routeTableId": a["RouteTableId"]},
        settings=(Setting(("routeTableId",), _move, on_create=False),),
        before_delete=_disassociate,
    ),
)
