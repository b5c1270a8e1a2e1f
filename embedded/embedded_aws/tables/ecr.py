"""Amazon ECR: image repositories, their policies and lifecycles."""

import json
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import by_arn, tagging


def _prepare(given: Properties) -> Properties:
    given["encryptionConfiguration"] = given.pop("encryptionConfigurations", None)
    if isinstance(given["encryptionConfiguration"], list):
        given["encryptionConfiguration"] = next(iter(given["encryptionConfiguration"]), None)
    return given


def _outputs(found: Any) -> Properties:
    encryption = found.get("encryptionConfiguration")
    return {"encryptionConfigurations": [encryption] if encryption else []}


def _write_mutability(client: Client, name: str, properties: Properties) -> None:
    client.put_image_tag_mutability(
        repositoryName=name, imageTagMutability=properties.get("imageTagMutability") or "MUTABLE"
    )


def _write_scanning(client: Client, name: str, properties: Properties) -> None:
    scanning = properties.get("imageScanningConfiguration") or {"scanOnPush": False}
    client.put_image_scanning_configuration(repositoryName=name, imageScanningConfiguration=scanning)


def _delete(client: Client, name: str, state: Properties) -> None:
    client.delete_repository(repositoryName=name, force=bool(state.get("forceDelete")))


def _policy_row(token: str, noun: str, *, put: str, member: str) -> Row:
    """A resource that is one policy text of a repository."""

    def text(given: Properties) -> Properties:
        policy = given.get("policy")
        return {"policy": json.dumps(policy)} if isinstance(policy, dict) else {}

    return Row(
        token=token,
        service="ecr",
        create=put,
        id="{repository}",
        read=f"Get{noun}",
        update=put,
        delete=f"Delete{noun}",
        key={"repositoryName": "{id}"},
        renames={"repository": "repositoryName", "policy": member},
        derived=text,
        replaces=frozenset({"repository"}),
    )


ROWS = (
    Row(
        token="aws:ecr/repository:Repository",
        service="ecr",
        create="CreateRepository",
        id="{name}",
        created_at="repository",
        read="DescribeRepositories",
        at="repositories[0]",
        key={"repositoryNames": "{id}"},
        renames={"arn": "repositoryArn", "name": "repositoryName", "repositoryUrl": "repositoryUri"},
        prepare=_prepare,
        prepared=frozenset({"encryptionConfigurations"}),
        outputs=_outputs,
        name=AutoName(longest=256),
        settings=(
            Setting(("imageTagMutability",), _write_mutability, on_create=False),
            Setting(("imageScanningConfiguration",), _write_scanning, on_create=False),
            tagging(
                "tag_resource", "untag_resource", "list_tags_for_resource", arn=by_arn, member="resourceArn"
            ),
        ),
        before_delete=_delete,
        recorded=frozenset({"forceDelete"}),
        defaults={"imageTagMutability": "MUTABLE"},
    ),
    _policy_row(
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "RepositoryPolicy",
        put="SetRepositoryPolicy",
        member="policyText",
    ),
    _policy_row(
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "LifecyclePolicy",
        put="PutLifecyclePolicy",
        member="lifecyclePolicyText",
    ),
)
