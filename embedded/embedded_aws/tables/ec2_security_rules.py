"""Amazon EC2: single rules of security groups, each a resource. `ec2_security_groups` lists the rows."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from embedded_aws.provider.rows import Client, Row, Setting
from embedded_aws.provider.values import Properties, has_unknown
from embedded_aws.tables.ec2 import TAGS, arn

_SOURCES = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
"""Property of an inline rule -> list of an IP permission, and the member of its items."""


class Rule(NamedTuple):
    """One protocol and range of ports from or to one source: what AWS itself counts as a rule."""

    protocol: str
    from_port: int
    to_port: int
    kind: str
    source: str
    description: str


def _rule(protocol: str, ports: tuple[Any, Any], kind: str, source: str, description: Any) -> Rule:
    low, high = (0, 0) if str(protocol) == "-1" else ports
    return Rule(str(protocol), int(low or 0), int(high or 0), kind, source, str(description or ""))


def rules_of(given: Properties, group: str) -> Iterator[Rule]:
    """The rules that one entry of a program stands for."""
    sources = [(kind, source) for kind in _SOURCES for source in given.get(kind) or []]
    if given.get("sourceSecurityGroupId"):
        sources.append(("securityGroups", given["sourceSecurityGroupId"]))
    if given.get("self"):
        sources.append(("securityGroups", group))
    for kind, source in sources:
        ports = given.get("fromPort"), given.get("toPort")
        yield _rule(given["protocol"], ports, kind, source, given.get("description"))


def held_rules(permissions: Iterable[Any]) -> set[Rule]:
    return {
        _rule(p["IpProtocol"], (p.get("FromPort"), p.get("ToPort")), kind, i[member], i.get("Description"))
        for p in permissions
        for kind, (listed_in, member) in _SOURCES.items()
        for i in p.get(listed_in) or []
    }


def permission(rule: Rule) -> Any:
    listed_in, member = _SOURCES[rule.kind]
    item = {member: rule.source} | ({"Description": rule.description} if rule.description else {})
    ports = {} if rule.protocol == "-1" else {"FromPort": rule.from_port, "ToPort": rule.to_port}
    return {"IpProtocol": rule.protocol, **ports, listed_in: [item]}


def listed(rules: set[Rule], group: str) -> list[Properties]:
    """Rules as the entries of an inline list, for a program that is to be told of a drift."""
    entries: list[Properties] = []
    for rule in sorted(rules):
        itself = rule.kind == "securityGroups" and rule.source == group
        entry = {"protocol": rule.protocol, "fromPort": rule.from_port, "toPort": rule.to_port}
        described = {"description": rule.description} if rule.description else {}
        entries.append(entry | described | ({"self": True} if itself else {rule.kind: [rule.source]}))
    return entries


def _permissions(properties: Properties) -> list[Any]:
    return [permission(rule) for rule in rules_of(properties, properties["securityGroupId"])]


def _prepare_classic(given: Properties) -> Properties:
    permissions = [] if has_unknown(given) else _permissions(given)
    return {"groupId": given.get("securityGroupId"), "ipPermissions": permissions}


def _classic_id(properties: Properties) -> str:
    """The hash by which the official provider names a rule, so that a stack may move between the two."""
    rules = sorted(rules_of(properties, properties["securityGroupId"]))
    ports = [str(properties[name]) for name in ("fromPort", "toPort") if (properties.get(name) or 0) > 0]
    text = [properties["securityGroupId"], *ports, str(properties["protocol"]), properties["type"]]
    text += [source for kind in _SOURCES for source in sorted(r.source for r in rules if r.kind == kind)]
    return f"sgrule-{zlib.crc32(''.join(f'{part}-' for part in text).encode())}"


def _imported_classic(import_id: str) -> Properties:
    """`sg-1_ingress_tcp_8000_8000_10.0.3.0/24`, with further sources after it."""
    group, direction, protocol, low, high, *sources = import_id.split("_")
    found: Properties = {"securityGroupId": group, "type": direction, "protocol": protocol}
    found |= {"fromPort": int(low), "toPort": int(high), "self": "self" in sources}
    kinds = {"sourceSecurityGroupId": "sg-", "prefixListIds": "pl-", "ipv6CidrBlocks": ":", "cidrBlocks": "."}
    for source in (s for s in sources if s != "self"):
        kind = next(name for name, mark in kinds.items() if mark in source)
        found[kind] = source if kind == "sourceSecurityGroupId" else [*found.get(kind, []), source]
    return found


def _find_classic(client: Client, _rule_id: str, state: Properties) -> Any:
    """Gone as soon as one of its sources is, so that the next `up` makes it whole."""
    group = client.describe_security_groups(GroupIds=[state["securityGroupId"]])["SecurityGroups"][0]
    held = held_rules(group["IpPermissions" if state["type"] == "ingress" else "IpPermissionsEgress"])
    wanted = set(rules_of(state, state["securityGroupId"]))
    bare = {rule._replace(description="") for rule in held}
    return state if {rule._replace(description="") for rule in wanted} <= bare else None


def _call_classic(verb: str) -> Any:
    def call(client: Client, _rule_id: str, state: Properties) -> None:
        method = getattr(client, f"{verb}_security_group_{_DIRECTIONS[state['type']].lower()}")
        method(GroupId=state["securityGroupId"], IpPermissions=_permissions(state))

    return call


def _describe(client: Client, _rule_id: str, state: Properties) -> None:
    method = f"update_security_group_rule_descriptions_{state['type']}"
    getattr(client, method)(GroupId=state["securityGroupId"], IpPermissions=_permissions(state))


def _modern_permission(given: Properties) -> Any:
    """AWS itself says so where a rule names no source, or two."""
    sources = {
        "cidrIpv4": "cidrBlocks",
        "cidrIpv6": "ipv6CidrBlocks",
        "prefixListId": "prefixListIds",
        "referencedSecurityGroupId": "securityGroups",
    }
    named = [
        (*_SOURCES[kind], {"Description": given.get("description")}, given[name])
        for name, kind in sources.items()
        if given.get(name)
    ]
    lists = {listed_in: [{**item, member: source}] for listed_in, member, item, source in named}
    ports = {"FromPort": given.get("fromPort"), "ToPort": given.get("toPort")}
    return {"IpProtocol": given.get("ipProtocol"), **ports, **lists}


def _prepare_modern(given: Properties) -> Properties:
    return {"groupId": given.get("securityGroupId"), "ipPermissions": [_modern_permission(given)]}


def _modify(client: Client, rule: str, properties: Properties) -> None:
    members = {name[0].upper() + name[1:]: name for name in _MODERN}
    members["ReferencedGroupId"] = members.pop("ReferencedSecurityGroupId")
    wanted = {m: properties[name] for m, name in members.items() if properties.get(name) not in (None, "")}
    client.modify_security_group_rules(
        GroupId=properties["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": wanted}],
    )


def _modern_outputs(found: Any) -> Properties:
    rule = found["SecurityGroupRuleId"]
    referenced = found.get("ReferencedGroupInfo", {}).get("GroupId") or ""
    shown = {"securityGroupRuleId": rule, "arn": arn("security-group-rule", rule)}
    return {**shown, "referencedSecurityGroupId": referenced}


def _modern_row(direction: str) -> Row:
    return Row(
        token=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        service="ec2",
        create=f"AuthorizeSecurityGroup{direction}",
        id="{SecurityGroupRuleId}",
        created_at="SecurityGroupRules[0]",
        read="DescribeSecurityGroupRules",
        at="SecurityGroupRules[0]",
        delete=f"RevokeSecurityGroup{direction}",
        key={
            "SecurityGroupRuleIds": "{id}",
            "GroupId": "{securityGroupId}",
        },
        renames={"securityGroupId": "GroupId"},
        prepare=_prepare_modern,
        prepared=frozenset({"securityGroupId"}),
        outputs=_modern_outputs,
        settings=(Setting(_MODERN, _modify, on_create=False), TAGS),
        replaces=frozenset({"securityGroupId"}),
    )


_DIRECTIONS = {"ingress": "Ingress", "egress": "Egress"}
_MODERN = (
    *("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"),
    *("ipProtocol", "fromPort", "toPort", "description"),
)
_CLASSIC = frozenset(
    {"cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "sourceSecurityGroupId", "self", "type", "protocol"}
    | {"fromPort", "toPort", "securityGroupId"}
)

RULE_ROWS = (
    Row(
        token="aws:ec2/securityGroupRule:SecurityGroupRule",
        service="ec2",
        create=lambda p: f"AuthorizeSecurityGroup{_DIRECTIONS[p['type']]}",
        id=_classic_id,
        imported=_imported_classic,
        created_at="SecurityGroupRules[0]",
        find=_find_classic,
        renames={"arn": "SecurityGroupRuleArn"},
        prepare=_prepare_classic,
        prepared=_CLASSIC,
        outputs=lambda found: found,
        settings=(Setting(("description",), _describe, on_create=False),),
        before_delete=_call_classic("revoke"),
    ),
    _modern_row("Ingress"),
    _modern_row("Egress"),
)
