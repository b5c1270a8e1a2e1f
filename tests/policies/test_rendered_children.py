"""Objects that Pulumi renders from YAML, Helm charts and Kustomize are judged as if they were written."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
import yaml

from policies.framework.judge import Judge
from policies.framework.outcomes import Finding
from policies.framework.resource import Resource
from tests.components.recorder import Program, World, run
from tests.policies.judging import rule
from tests.policies.pod_samples import SPEC, document, put

FILES: list[dict[str, Any]] = [
    {"apiVersion": "apps/v1", "kind": "Deployment", **document("Deployment", SPEC, "good")},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        **document("Deployment", put(SPEC, "hostPID", True), "bad"),
    },
    {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Pod", **document("Pod", put(SPEC, "hostIPC", True), "listed")}
        ],
    },
    {
        "apiVersion": "agents.x-k8s.io/v1alpha1",
        "kind": "Sandbox",
        **document("Sandbox", put(SPEC, "hostNetwork", True), "boxed"),
    },
]
ANSWER: dict[str, Any] = {"result": FILES}


def of_chart() -> None:
    kubernetes.helm.v3.Chart("all", kubernetes.helm.v3.ChartOpts(chart="handbook", namespace="agents"))


def of_yaml() -> None:
    kubernetes.yaml.ConfigGroup("all", yaml=[yaml.safe_dump_all(FILES)])


def of_kustomize() -> None:
    kubernetes.kustomize.Directory("all", directory="./overlays/prod")


def of_transformed() -> None:
    def undo(held: dict[str, Any], _opts: pulumi.ResourceOptions) -> None:
        held.get("spec", {}).get("template", {}).get("spec", {}).pop("hostPID", None)

    kubernetes.yaml.ConfigGroup("all", yaml=["…"], transformations=[undo])


def of_file(folder: Path) -> None:
    (folder / "all.yaml").write_text(yaml.safe_dump_all(FILES))
    kubernetes.yaml.ConfigFile("all", file=str(folder / "all.yaml"))


def rendered(program: Callable[[], None]) -> Program:
    def answer(_given: dict[str, Any]) -> dict[str, Any]:
        return copy.deepcopy(ANSWER)

    return run(program, World(answers={"template": answer, "decode": answer, "directory": answer}))


def judged(program: Program, name: str) -> list[Finding]:
    return Judge([rule(name)]).everything(
        Resource(r.type, r.inputs, r.urn, r.name, r.parent) for r in program.resources if not r.read
    )


@pytest.mark.parametrize("program", [of_chart, of_yaml, of_kustomize])
def test_what_is_rendered_is_judged_object_by_object(program: Callable[[], None]) -> None:
    made = rendered(program)
    found = {told.urn.rpartition("/")[2]: told.path for told in judged(made, "C45")}
    assert found == {
        "bad": "spec.template.spec.hostPID",
        "listed": "spec.hostIPC",
        "boxed": "spec.podTemplate.spec.hostNetwork",
    }
    assert judged(made, "C45e") == [], "its objects are seen"


def test_a_file_is_judged_and_so_is_what_a_transformation_left(tmp_path: Path) -> None:
    assert len(judged(rendered(lambda: of_file(tmp_path)), "C45")) == 3
    assert {told.urn.rpartition("/")[2] for told in judged(rendered(of_transformed), "C45")} == {
        "listed",
        "boxed",
    }


@pytest.mark.parametrize(
    "type_", ["helm.sh/v4:Chart", "yaml/v2:ConfigFile", "yaml/v2:ConfigGroup", "kustomize/v2:Directory"]
)
def test_children_that_the_provider_registers_are_judged_and_their_want_is_told(type_: str) -> None:
    """Those of the second versions of these components come from the provider, in a run that has one."""
    parent = Resource(f"kubernetes:{type_}", {}, f"urn:pulumi:test::test::kubernetes:{type_}::all", "all")
    child = Resource(
        "kubernetes:apps/v1:Deployment", FILES[1], f"{parent.urn}$child::bad", "all:agents/bad", parent.urn
    )
    judge = Judge([rule("C45"), rule("C45e")])
    assert [told.rule_id for told in judge.everything([parent, child])] == ["C45"]
    (told,) = judge.everything([parent])
    assert (told.rule_id, told.outcome.value, told.blocks) == ("C45e", "not checked", False)
