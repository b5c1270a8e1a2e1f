"""Launch templates of Amazon EC2: each change of what instances get is a new version."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.ec2 import TAGS, arn

_DATA = frozenset(
    {
        "blockDeviceMappings",
        "ebsOptimized",
        "imageId",
        "instanceType",
        "keyName",
        "metadataOptions",
        "userData",
        "vpcSecurityGroupIds",
    }
)
"""What an instance gets, of those that a node group may use:
https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"""
_RENAMES = {"vpcSecurityGroupIds": "securityGroupIds"}


def _as_flag(held: Any) -> Any:
    """The provider spells the flags of a disk as texts."""
    return {"true": True, "false": False}.get(held, held) if isinstance(held, str) else held


def _disk(mapping: Any) -> Any:
    ebs = mapping.get("ebs") if isinstance(mapping, dict) else None
    if not isinstance(ebs, dict):
        return mapping
    return {**mapping, "ebs": {name: _as_flag(held) for name, held in ebs.items()}}


def _template(given: Properties) -> Properties:
    if isinstance(disks := given.get("blockDeviceMappings"), list):
        given["blockDeviceMappings"] = [_disk(mapping) for mapping in disks]
    held = {_RENAMES.get(name, name): given.pop(name) for name in _DATA & given.keys()}
    return {**given, "launchTemplateData": held}


def _outputs(found: Any) -> Properties:
    return {
        "arn": arn("launch-template", found["LaunchTemplateId"]),
        "latestVersion": found["LatestVersionNumber"],
        "defaultVersion": found["DefaultVersionNumber"],
    }


ROWS = (
    Row(
        token="aws:ec2/launchTemplate:LaunchTemplate",
        service="ec2",
        create="CreateLaunchTemplate",
        id="{LaunchTemplateId}",
        created_at="LaunchTemplate",
        read="DescribeLaunchTemplates",
        at="LaunchTemplates[0]",
        update="CreateLaunchTemplateVersion",
        delete="DeleteLaunchTemplate",
        key={"LaunchTemplateId": "{id}", "LaunchTemplateIds": "{id}"},
        renames={"name": "LaunchTemplateName", "description": "VersionDescription"},
        prepare=_template,
        prepared=_DATA,
        updates=_DATA,
        outputs=_outputs,
        name=AutoName(longest=128),
        volatile=frozenset({"latestVersion", "defaultVersion"}),
        settings=(TAGS,),
        recorded=frozenset({"updateDefaultVersion"}),
    ),
)
