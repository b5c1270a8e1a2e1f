"""AWS IAM: roles and policies."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import document, or_none


def _write_trust(client: Client, role: str, properties: Properties) -> None:
    client.update_assume_role_policy(RoleName=role, PolicyDocument=properties["assumeRolePolicy"])


def _write_boundary(client: Client, role: str, properties: Properties) -> None:
    if properties.get("permissionsBoundary"):
        client.put_role_permissions_boundary(
            RoleName=role, PermissionsBoundary=properties["permissionsBoundary"]
        )
    else:
        client.delete_role_permissions_boundary(RoleName=role)


def _write_tags(client: Client, role: str, properties: Properties) -> None:
    wanted = properties.get("tags") or {}
    current = {t["Key"] for t in client.list_role_tags(RoleName=role)["Tags"]}
    if current - wanted.keys():
        client.untag_role(RoleName=role, TagKeys=sorted(current - wanted.keys()))
    if wanted:
        client.tag_role(RoleName=role, Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.items())])


def _role(found: Any) -> Properties:
    tags = {t["Key"]: t["Value"] for t in found.get("Tags", [])}
    return {
        "name": found["RoleName"],
        "arn": found["Arn"],
        "uniqueId": found["RoleId"],
        "assumeRolePolicy": document(found["AssumeRolePolicyDocument"]),
        "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
        "tags": tags,
        "tagsAll": tags,
    }


def _role_is_bare(client: Client, role: str, state: Properties) -> None:
    if not state.get("forceDetachPolicies"):
        return
    for policy in client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        client.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])


def _policy(client: Client, arn: str, _state: Properties) -> Any:
    found = client.get_policy(PolicyArn=arn)["Policy"]
    version = client.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return {**found, "Document": version["Document"]}


def _policy_outputs(found: Any) -> Properties:
    tags = {t["Key"]: t["Value"] for t in found.get("Tags", [])}
    return {
        "arn": found["Arn"],
        "name": found["PolicyName"],
        "path": found["Path"],
        "policy": document(found["Document"]),
        "policyId": found["PolicyId"],
        "description": found.get("Description", ""),
        "tags": tags,
        "tagsAll": tags,
    }


def _write_policy(client: Client, arn: str, properties: Properties) -> None:
    """A new default version; IAM holds five at most, so that the oldest has to go first."""
    versions = client.list_policy_versions(PolicyArn=arn)["Versions"]
    old = sorted((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: v["CreateDate"])
    if len(versions) >= 5:
        client.delete_policy_version(PolicyArn=arn, VersionId=old[0]["VersionId"])
    client.create_policy_version(PolicyArn=arn, PolicyDocument=properties["policy"], SetAsDefault=True)


def _write_policy_tags(client: Client, arn: str, properties: Properties) -> None:
    wanted = properties.get("tags") or {}
    current = {t["Key"] for t in client.list_policy_tags(PolicyArn=arn)["Tags"]}
    if current - wanted.keys():
        client.untag_policy(PolicyArn=arn, TagKeys=sorted(current - wanted.keys()))
    if wanted:
        client.tag_policy(PolicyArn=arn, Tags=[{"Key": k, "Value": v} for k, v in sorted(wanted.items())])


def _drop_versions(client: Client, arn: str, _state: Properties) -> None:
    for version in client.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _attachment(client: Client, attachment: str, _state: Properties) -> Any:
    role, arn = attachment.split("/", 1)
    attached = or_none(lambda: client.list_attached_role_policies(RoleName=role))
    found = [p for p in (attached or {}).get("AttachedPolicies", []) if p["PolicyArn"] == arn]
    return {"role": role, "policyArn": arn} if found else None


ROWS = (
    Row(
        token="aws:iam/role:Role",
        service="iam",
        create="CreateRole",
        id="{name}",
        read="GetRole",
        at="Role",
        update="UpdateRole",
        delete="DeleteRole",
        key={"RoleName": "{id}"},
        renames={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        outputs=_role,
        name=AutoName(),
        replaces=frozenset({"name", "path"}),
        settings=(
            Setting(("assumeRolePolicy",), _write_trust, on_create=False),
            Setting(("permissionsBoundary",), _write_boundary, on_create=False),
            Setting(("tags",), _write_tags, on_create=False),
        ),
        owned=frozenset({"permissionsBoundary"}),
        recorded=frozenset({"forceDetachPolicies"}),
        defaults={"maxSessionDuration": 3600, "path": "/"},
        before_delete=_role_is_bare,
    ),
    Row(
        token="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        create="PutRolePolicy",
        id="{role}:{name}",
        read="GetRolePolicy",
        update="PutRolePolicy",
        delete="DeleteRolePolicy",
        key={"RoleName": "{role}", "PolicyName": "{name}"},
        renames={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
        outputs=lambda p: {"policy": document(p["PolicyDocument"])},
        name=AutoName(longest=128),
        replaces=frozenset({"role", "name"}),
    ),
    Row(
        token="aws:iam/policy:Policy",
        service="iam",
        create="CreatePolicy",
        id="{arn}",
        delete="DeletePolicy",
        key={"PolicyArn": "{id}"},
        created_at="Policy",
        find=_policy,
        renames={"name": "PolicyName", "policy": "PolicyDocument"},
        outputs=_policy_outputs,
        name=AutoName(longest=128),
        settings=(
            Setting(("policy",), _write_policy, on_create=False),
            Setting(("tags",), _write_policy_tags, on_create=False),
        ),
        before_delete=_drop_versions,
        recorded=frozenset({"delayAfterPolicyCreationInMs"}),
        defaults={"path": "/"},
    ),
    Row(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        create="AttachRolePolicy",
        id="{role}/{policyArn}",
        delete="DetachRolePolicy",
        key={"RoleName": "{role}", "PolicyArn": "{policyArn}"},
        find=_attachment,
        renames={"role": "RoleName"},
        outputs=lambda found: found,
    ),
)
