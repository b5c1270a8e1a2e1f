"""What the API server's refusals become."""

import pytest

from embedded_kubernetes.provider.connection import ApiError
from embedded_kubernetes.provider.explain import explain, no_such_kind, unknown_fields
from embedded_kubernetes.provider.tokens import Kind


def conflict(manager: str, *fields: str) -> ApiError:
    message = f'conflict with "{manager}" using apps/v1'
    causes = [{"reason": "FieldManagerConflict", "message": message, "field": field} for field in fields]
    return ApiError(409, "Conflict", "Apply failed", tuple(causes))


def test_a_conflict_names_the_other_manager_its_fields_and_the_ways_out() -> None:
    said = explain(conflict("kubectl-edit", ".spec.replicas", ".spec.paused"), "Deployment a/b")
    assert said.startswith(
        "Deployment a/b: conflict: another field manager owns what this applies: .spec.paused, "
        '.spec.replicas by "kubectl-edit" using apps/v1. Leave these fields out'
    )
    assert said.endswith('take them over with the annotation pulumi.com/patchForce: "true".')


def test_a_controller_that_rewrites_what_it_reads_is_explained() -> None:
    said = explain(conflict("rollouts-controller", ".spec.template.spec.containers"), "Rollout a/b")
    assert "give each container resources, in quantities such as 500m and 1Gi." in said


@pytest.mark.parametrize(("updating", "hinted"), [(True, True), (False, False)])
def test_an_immutable_field_is_hinted_at_where_something_is_updated(updating: bool, hinted: bool) -> None:
    error = ApiError(422, "Invalid", "spec.x: Forbidden: updates to x are forbidden", ())
    assert ("replace_on_changes" in explain(error, "Job a/b", updating=updating)) is hinted


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (
            "failed to create typed patch object: .spec.replica: field not declared in schema",
            ["spec.replica"],
        ),
        ('strict decoding error: unknown field "spec.x", unknown field "spec.y.z"', ["spec.x", "spec.y.z"]),
        ("spec.template.spec.containers[0].image: Required value", []),
    ],
)
def test_fields_that_do_not_exist_are_found_in_either_wording(message: str, fields: list[str]) -> None:
    assert unknown_fields(ApiError(400, "BadRequest", message, ())) == fields


@pytest.mark.parametrize(
    ("api_version", "by"),
    [
        ("argoproj.io/v1alpha1", "Argo Rollouts installs it"),
        ("keda.sh/v1alpha1", "KEDA installs it"),
        ("gateway.networking.k8s.io/v1", "the Gateway API (a Gateway controller brings it) installs it"),
        ("agents.x-k8s.io/v1alpha1", "agent-sandbox installs it"),
        ("external-secrets.io/v1", "the External Secrets Operator installs it"),
        ("example.org/v1", "the CustomResourceDefinition of its group installs it"),
    ],
)
def test_a_missing_kind_is_named_with_what_installs_it(api_version: str, by: str) -> None:
    said = no_such_kind(Kind(api_version, "Thing"), "https://here")
    assert f"the cluster at https://here has no kind Thing ({api_version}): {by}." in said
