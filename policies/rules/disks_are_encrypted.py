"""C40c: disks of instances, nodes and pods are encrypted."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown, View

_NODES = "aws:eks/nodeGroup:NodeGroup"
_VOLUME = "aws:ebs/volume:Volume"
_CLASS = "kubernetes:storage.k8s.io:StorageClass"
_BY_DEFAULT = "aws:ebs/encryptionByDefault:EncryptionByDefault"
_INLINE = ("rootBlockDevice", "ebsBlockDevices")
_PROVISIONERS = ("ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs")
_OPEN = "is encrypted only where the account does so by default, which this stack does not say."


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for disks that are described, and for nodes without a launch template. By default EBS encrypts
    nothing, unless the account says so for the whole region; a disk of which nothing is said is as its image
    is, and one of a snapshot as that is.
    """
    if any(one.view.flag("enabled", True) for one in stack.of(_BY_DEFAULT)):
        return
    if held.type == _NODES:
        if not held.view.says("launchTemplate"):
            yield Fail(f"its nodes' disk {_OPEN}", "launchTemplate")
    elif held.family == _CLASS:
        if held.view.text("provisioner") in _PROVISIONERS:
            yield from _judged(held.view.view("parameters"), "parameters")
    elif held.type == _VOLUME:
        yield from _judged(held.view, "")
    else:
        for key in _INLINE:
            for disk in held.view.views(key):
                yield from _judged(disk, key)
        for mapping in held.view.views("blockDeviceMappings"):
            if mapping.says("ebs"):
                yield from _judged(mapping.view("ebs"), "ebs")


def _judged(disk: View, path: str) -> Iterable[Fail]:
    at = disk.at("encrypted") if disk.path or not path else f"{path}.encrypted"
    if disk.flag("encrypted", False):
        return
    if disk.says("snapshotId") and disk.value("encrypted") is None:
        raise NotKnown(at, "is as the snapshot is, of which this stack says nothing.")
    yield Fail(f"the disk {_OPEN}", at)


RULE = StackRule(
    id="C40c",
    name="disks-are-encrypted",
    title="Disks of instances, nodes and volumes are encrypted",
    why="What agents keep on a disk, and the secrets of their pods, is in every copy of it.",
    remediation=(
        "Set encrypted on the disk (among the parameters of a storage class), give nodes a launch template, "
        "or make an EncryptionByDefault."
    ),
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(
        "ec2/instance:Instance",
        "ec2/launchConfiguration:LaunchConfiguration",
        "ec2/launchTemplate:LaunchTemplate",
        _NODES,
        _VOLUME,
        _CLASS,
    ),
    external={"Checkov": ("CKV_AWS_3", "CKV_AWS_8"), "Security Hub": ("EC2.3", "EC2.7")},
    sources=(
        "https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html",
        "https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
    ),
    check=check,
)
