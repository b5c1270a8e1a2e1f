"""Which kind a resource's type is, and what is said of types that are none."""

import pytest

from embedded_aws.provider.protocol import Refused
from embedded_kubernetes.provider.tokens import Kind, kind_of, mismatch


@pytest.mark.parametrize(
    ("token", "api_version", "name"),
    [
        ("kubernetes:core/v1:Pod", "v1", "Pod"),
        ("kubernetes:apps/v1:StatefulSet", "apps/v1", "StatefulSet"),
        ("kubernetes:rbac.authorization.k8s.io/v1:Role", "rbac.authorization.k8s.io/v1", "Role"),
        ("kubernetes:argoproj.io/v1alpha1:Rollout", "argoproj.io/v1alpha1", "Rollout"),
        ("agent-hosting:index:EksAgent$kubernetes:core/v1:Service", "v1", "Service"),
    ],
)
def test_a_type_names_its_kind(token: str, api_version: str, name: str) -> None:
    assert kind_of(token) == Kind(api_version, name)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("kubernetes:yaml:ConfigGroup", "declare each object as a resource of its own"),
        ("kubernetes:yaml/v2:ConfigFile", "declare each object as a resource of its own"),
        ("kubernetes:kustomize/v2:Directory", "declare each object as a resource of its own"),
        ("kubernetes:helm.sh/v4:Chart", "use kubernetes:helm.sh/v3:Release, which is recorded"),
        ("kubernetes:apps/v1:DeploymentPatch", "declare the object itself"),
        ("kubernetes:core/v1:PodList", "declare the object itself"),
        ("aws:s3/bucket:Bucket", "is no type of the package kubernetes"),
    ],
)
def test_a_type_that_is_no_kind_is_refused_with_what_to_do(token: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        kind_of(token)


def test_inputs_that_name_another_kind_are_told_on_their_property() -> None:
    kind = kind_of("kubernetes:apps/v1:Deployment")
    assert mismatch(kind, {"apiVersion": "apps/v1", "kind": "Deployment"}) == []
    found = mismatch(kind, {"apiVersion": "v1", "kind": "Deployment"})
    assert found == [("apiVersion", "the resource's type says apps/v1, not v1")]
