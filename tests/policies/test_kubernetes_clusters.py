"""C39 and C40: clusters of EKS, their nodes, and instances."""

from datetime import date
from typing import Any

import pytest

from policies.rules import kubernetes_is_supported
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, unchecked

LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
SECRETS = {"provider": {"keyArn": "arn:key"}, "resources": ["secrets"]}
CLUSTER = {
    "version": "1.34",
    "vpcConfig": {"endpointPublicAccess": False},
    "enabledClusterLogTypes": LOGS,
    "encryptionConfig": SECRETS,
}


def cluster(**given: Any) -> Any:
    return resource("eks/cluster:Cluster", "pods", changed(CLUSTER, **given))


def nodes(**given: Any) -> Any:
    return resource("eks/nodeGroup:NodeGroup", "nodes", {"version": "1.34", **given})


@pytest.fixture(autouse=True)
def _day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_is_supported, "today", lambda: date(2026, 11, 1))


@pytest.mark.parametrize("rule", ["C39", "C39b", "C39c", "C39d"])
def test_a_closed_cluster_passes(rule: str) -> None:
    assert passes(rule, cluster())


@pytest.mark.parametrize(
    "network",
    [
        ABSENT,
        None,
        {},
        {"endpointPublicAccess": True},
        {"endpointPublicAccess": "true", "publicAccessCidrs": []},
        {"publicAccessCidrs": ["203.0.113.0/24", "0.0.0.0/0"]},
        {"publicAccessCidrs": "::/0"},
        {"publicAccessCidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
        [{"endpointPublicAccess": True}],
        {"endpointPublicAccess": "perhaps"},
    ],
)
def test_an_api_that_is_open_to_everyone_fails(network: Any) -> None:
    assert len(fails("C39", cluster(vpcConfig=network))) == 1


def test_an_api_that_is_open_to_named_addresses_passes_and_unknown_ones_are_not_checked() -> None:
    assert passes("C39", cluster(vpcConfig={"publicAccessCidrs": ["203.0.113.0/24"]}))
    assert passes("C39", cluster(vpcConfig=[{"endpointPublicAccess": "false"}]))
    assert unchecked("C39", cluster(vpcConfig=UNKNOWN)) == ["vpcConfig"]
    unknown = {"publicAccessCidrs": UNKNOWN}
    assert unchecked("C39", cluster(vpcConfig=unknown)) == ["vpcConfig.publicAccessCidrs"]


@pytest.mark.parametrize("logs", [ABSENT, None, [], LOGS[1:], "audit", {"audit": True}])
def test_a_control_plane_that_leaves_out_a_log_fails(logs: Any) -> None:
    assert len(fails("C39b", cluster(enabledClusterLogTypes=logs))) == 1
    assert unchecked("C39b", cluster(enabledClusterLogTypes=UNKNOWN)) == ["enabledClusterLogTypes"]


@pytest.mark.parametrize(
    "held",
    [ABSENT, None, [], {}, {"provider": {"keyArn": "arn:key"}}, {"resources": ["secrets"]}, "on"],
)
def test_secrets_without_a_key_of_ones_own_fail(held: Any) -> None:
    assert len(fails("C39c", cluster(encryptionConfig=held))) == 1


def test_a_key_that_is_made_with_the_cluster_passes() -> None:
    assert passes("C39c", cluster(encryptionConfig=[{**SECRETS, "provider": {"keyArn": UNKNOWN}}]))
    assert unchecked("C39c", cluster(encryptionConfig=UNKNOWN)) == ["encryptionConfig"]


@pytest.mark.parametrize("version", [ABSENT, None, "", "1.34", "1.35", "1.40", "2.0", 1.35])
def test_a_version_that_is_supported_passes(version: Any) -> None:
    assert passes("C39d", cluster(version=version))


@pytest.mark.parametrize("version", ["1.33", "1.31", "1.30", "1.21", "1.9", "newest", True])
def test_a_version_past_its_end_fails(version: Any) -> None:
    assert len(fails("C39d", cluster(version=version))) == 1


def test_extended_support_is_to_be_asked_for() -> None:
    asked = {"upgradePolicy": {"supportType": "EXTENDED"}}
    assert passes("C39d", cluster(version="1.33", **asked))
    assert len(fails("C39d", cluster(version="1.30", **asked))) == 1
    assert len(fails("C39d", cluster(version="1.33", upgradePolicy={"supportType": "STANDARD"}))) == 1
    assert passes("C39d", nodes(version="1.33"))
    assert len(fails("C39d", nodes(version="1.30"))) == 1
    assert unchecked("C39d", cluster(version=UNKNOWN)) == ["version"]


def test_a_version_ends_on_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    for day, expected in ((date(2026, 12, 1), 0), (date(2026, 12, 2), 1)):
        monkeypatch.setattr(kubernetes_is_supported, "today", lambda day=day: day)
        assert len(fails("C39d", cluster())) == expected


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        (None, 0),
        ({}, 0),
        ({"ec2SshKey": "key", "sourceSecurityGroupIds": ["sg-1"]}, 0),
        ({"ec2SshKey": "key", "sourceSecurityGroupIds": UNKNOWN}, 0),
        ({"ec2SshKey": "key"}, 1),
        ([{"ec2SshKey": "key", "sourceSecurityGroupIds": []}], 1),
    ],
)
def test_nodes_that_take_ssh_from_everywhere_fail(access: Any, expected: int) -> None:
    assert len(fails("C40", nodes(remoteAccess=access))) == expected
    assert unchecked("C40", nodes(remoteAccess=UNKNOWN)) == ["remoteAccess"]


INSTANCES = pytest.mark.parametrize(
    "kind",
    [
        "ec2/instance:Instance",
        "ec2/launchConfiguration:LaunchConfiguration",
        "ec2/launchTemplate:LaunchTemplate",
    ],
)


@INSTANCES
def test_credentials_for_a_token_and_one_hop_far_pass(kind: str) -> None:
    for options in (
        {"httpTokens": "required"},
        [{"httpTokens": "required", "httpPutResponseHopLimit": "1"}],
        {"httpEndpoint": "disabled"},
    ):
        assert passes("C40b", resource(kind, "i", {"metadataOptions": options}))


@INSTANCES
@pytest.mark.parametrize(
    "options",
    [
        ABSENT,
        None,
        {},
        {"httpTokens": "optional"},
        {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        {"httpTokens": "required", "httpPutResponseHopLimit": "many"},
        "required",
    ],
)
def test_credentials_for_everyone_fail(kind: str, options: Any) -> None:
    assert len(fails("C40b", resource(kind, "i", changed({}, metadataOptions=options)))) == 1
    assert unchecked("C40b", resource(kind, "i", {"metadataOptions": UNKNOWN})) == ["metadataOptions"]


def test_templates_of_nodes_say_how_far_credentials_reach() -> None:
    def template(**options: Any) -> Any:
        held = {"id": "lt-1", "metadataOptions": {"httpTokens": "required", **options}}
        return resource("ec2/launchTemplate:LaunchTemplate", "template", held)

    group = nodes(launchTemplate={"id": "lt-1", "version": "1"})
    assert passes("C40b", template(httpPutResponseHopLimit=1), group)
    assert passes("C40b", template(), nodes())
    assert len(fails("C40b", template(), group)) == 1


@pytest.mark.parametrize(("image", "expected"), [("AL2_x86_64", 1), ("AL2023_ARM_64_STANDARD", 0), (None, 0)])
def test_nodes_of_amazon_linux_2_need_a_template(image: Any, expected: int) -> None:
    assert len(fails("C40b", nodes(amiType=image))) == expected
    assert passes("C40b", nodes(amiType=image, launchTemplate={"id": "lt-elsewhere"}))


def test_a_cluster_is_protected_from_deletion() -> None:
    assert passes("C39e", cluster(deletionProtection=True))
    assert passes("C39e", cluster(deletionProtection="true"))
    for off in (ABSENT, None, False, "false", "perhaps"):
        assert len(fails("C39e", cluster(deletionProtection=off))) == 1
    assert unchecked("C39e", cluster(deletionProtection=UNKNOWN)) == ["deletionProtection"]


def test_a_cluster_is_entered_by_entries_and_by_nobody_else() -> None:
    good = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert passes("C39f", cluster(accessConfig=good))
    assert passes("C39f", cluster(accessConfig=[good]))
    for none in (ABSENT, None, {}, []):
        assert len(fails("C39f", cluster(accessConfig=none))) == 2
    for key, bad in (
        ("authenticationMode", None),
        ("authenticationMode", "CONFIG_MAP"),
        ("authenticationMode", "API_AND_CONFIG_MAP"),
        ("bootstrapClusterCreatorAdminPermissions", None),
        ("bootstrapClusterCreatorAdminPermissions", "true"),
    ):
        assert len(fails("C39f", cluster(accessConfig={**good, key: bad}))) == 1
    assert unchecked("C39f", cluster(accessConfig=UNKNOWN)) == ["accessConfig"]


CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
BY_DEFAULT = "ebs/encryptionByDefault:EncryptionByDefault"
DISKS: list[Any] = [
    ("ebs/volume:Volume", lambda disk: disk),
    ("ec2/instance:Instance", lambda disk: {"rootBlockDevice": disk}),
    ("ec2/instance:Instance", lambda disk: {"ebsBlockDevices": [{"encrypted": True}, disk]}),
    ("ec2/launchConfiguration:LaunchConfiguration", lambda disk: {"rootBlockDevice": [disk]}),
    ("ec2/launchTemplate:LaunchTemplate", lambda disk: {"blockDeviceMappings": [{"ebs": disk}]}),
    (CLASS, lambda disk: {"provisioner": "ebs.csi.aws.com", "parameters": disk}),
]


@pytest.mark.parametrize(("kind", "put"), DISKS)
def test_disks_are_encrypted(kind: str, put: Any) -> None:
    def disk(**held: Any) -> Any:
        return resource(kind, "disk", put({"size": 20, **held}))

    for on in (True, "true"):
        assert passes("C40c", disk(encrypted=on))
    for off in (None, False, "false"):
        assert len(fails("C40c", disk(encrypted=off))) == 1
        assert passes("C40c", disk(encrypted=off), resource(BY_DEFAULT, "d", {}))
        assert fails("C40c", disk(encrypted=off), resource(BY_DEFAULT, "d", {"enabled": False}))
    assert len(fails("C40c", disk())) == 1
    assert len(unchecked("C40c", disk(encrypted=UNKNOWN))) == 1
    assert len(unchecked("C40c", disk(snapshotId="snap-1"))) == 1
    assert len(fails("C40c", disk(snapshotId="snap-1", encrypted=False))) == 1


def test_disks_of_which_nothing_is_said() -> None:
    assert len(fails("C40c", resource("ebs/volume:Volume", "v", {}))) == 1
    assert len(fails("C40c", resource(CLASS, "c", {"provisioner": "ebs.csi.aws.com"}))) == 1
    assert passes("C40c", resource(CLASS, "c", {"provisioner": "efs.csi.aws.com"}))
    assert passes("C40c", resource("ec2/instance:Instance", "i", {})), "as its image is"
    template = {"blockDeviceMappings": [{"deviceName": "/dev/sdb", "noDevice": "true"}]}
    assert passes("C40c", resource("ec2/launchTemplate:LaunchTemplate", "t", template))
    assert len(fails("C40c", nodes())) == 1
    assert len(fails("C40c", nodes(launchTemplate=None))) == 1
    assert passes("C40c", nodes(launchTemplate={"id": UNKNOWN}))
