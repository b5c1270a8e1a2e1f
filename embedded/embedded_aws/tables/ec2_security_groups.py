"""Amazon EC2: security groups with their rules, inline or as resources of their own."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT
from embedded_aws.tables.ec2 import TAGS, arn
from embedded_aws.tables.ec2_security_rules import (
    RULE_ROWS,
    held_rules,
    listed,
    permission,
    rules_of,
)

_CALLS = {
    "ingress": ("authorize_security_group_ingress", "revoke_security_group_ingress", "IpPermissions"),
    "egress": ("authorize_security_group_egress", "revoke_security_group_egress", "IpPermissionsEgress"),
}


def _group(client: Client, group: str) -> Any:
    return client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]


def _inline(direction: str) -> Setting:
    """The rules of one direction, which the program lists within the group."""
    authorize, revoke, member = _CALLS[direction]

    def write(client: Client, group: str, properties: Properties) -> None:
        wanted = {r for rule in properties.get(direction) or [] for r in rules_of(rule, group)}
        held = held_rules(_group(client, group)[member])
        for rule in sorted(held - wanted):
            getattr(client, revoke)(GroupId=group, IpPermissions=[permission(rule)])
        for rule in sorted(wanted - held):
            getattr(client, authorize)(GroupId=group, IpPermissions=[permission(rule)])

    def read(client: Client, group: str, state: Properties) -> Properties:
        """Rules that are as the program says stay in its form: AWS gathers them in another."""
        held = held_rules(_group(client, group)[member])
        given = {r for rule in state.get(direction) or [] for r in rules_of(rule, group)}
        return {} if held == given else {direction: listed(held, group)}

    return Setting((direction,), write, read)


def _without_default_egress(client: Client, group: str, _properties: Properties) -> None:
    """AWS opens a new group to the outside; the official provider closes it. Every group has a name, so that
    this runs at each creation."""
    for rule in held_rules(_group(client, group)["IpPermissionsEgress"]):
        client.revoke_security_group_egress(GroupId=group, IpPermissions=[permission(rule)])


def _revoke_all(client: Client, group: str, state: Properties) -> None:
    if not state.get("revokeRulesOnDelete"):
        return
    found = _group(client, group)
    for _, revoke, member in _CALLS.values():
        for rule in held_rules(found[member]):
            getattr(client, revoke)(GroupId=group, IpPermissions=[permission(rule)])


def _described(given: Properties) -> Properties:
    return {**given, "description": given.get("description") or "Managed by Pulumi"}


def _outputs(found: Any) -> Properties:
    return {
        "arn": arn("security-group", found["GroupId"]),
        "ownerId": found.get("OwnerId") or ACCOUNT,
        "name": found["GroupName"],
        "description": found["Description"],
        "vpcId": found.get("VpcId") or "",
    }


def _default_of(given: Properties) -> Properties:
    """The default group is adopted rather than made: it is looked up in its network."""
    filters = [{"name": "group-name", "values": ["default"]}]
    if given.get("vpcId"):
        filters.append({"name": "vpc-id", "values": [given["vpcId"]]})
    return {"filters": filters}


def _only_named_rules(client: Client, group: str, properties: Properties) -> None:
    """Adoption takes away each rule that the program does not list, those that AWS made too."""
    for direction in _CALLS:
        _inline(direction).write(client, group, properties)


ROWS = (
    Row(
        token="aws:ec2/securityGroup:SecurityGroup",
        service="ec2",
        create="CreateSecurityGroup",
        id="{GroupId}",
        created_at="",
        read="DescribeSecurityGroups",
        at="SecurityGroups[0]",
        delete="DeleteSecurityGroup",
        key={"GroupId": "{id}", "GroupIds": "{id}"},
        renames={"name": "GroupName"},
        prepare=_described,
        outputs=_outputs,
        name=AutoName(longest=255),
        replaces=frozenset({"name"}),
        settings=(
            Setting(("name",), _without_default_egress),
            _inline("ingress"),
            _inline("egress"),
            TAGS,
        ),
        before_delete=_revoke_all,
        recorded=frozenset({"revokeRulesOnDelete"}),
        defaults={"description": "Managed by Pulumi"},
    ),
    Row(
        token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        service="ec2",
        create="DescribeSecurityGroups",
        id="{GroupId}",
        created_at="SecurityGroups[0]",
        read="DescribeSecurityGroups",
        at="SecurityGroups[0]",
        key={"GroupIds": "{id}"},
        prepare=_default_of,
        prepared=frozenset({"vpcId"}),
        outputs=_outputs,
        settings=(
            Setting(("vpcId",), _only_named_rules),
            _inline("ingress"),
            _inline("egress"),
            TAGS,
        ),
        replaces=frozenset({"vpcId"}),
        recorded=frozenset({"revokeRulesOnDelete"}),
    ),
    *RULE_ROWS,
)
