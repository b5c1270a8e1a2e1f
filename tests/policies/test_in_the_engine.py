"""The pack as the engine starts it: a process of its own that answers Pulumi's analyzer protocol."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies.rules import all_rules

PACK = Path(__file__).parents[2] / "policies"
ROLE, URN = "aws:iam/role:Role", "urn:pulumi:dev::test::aws:iam/role:Role::run"
ADVISORY, MANDATORY = analyzer_pb2.ADVISORY, analyzer_pb2.MANDATORY


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Started from elsewhere and under another name: the pack depends on neither."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "our-own-policies").symlink_to(PACK)
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(folder / "our-own-policies")]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.kill()


def analyze(analyzer: Any, properties: dict[str, Any]) -> list[Any]:
    request = analyzer_pb2.AnalyzeRequest(type=ROLE, urn=URN, name="run", properties=_struct(properties))
    return list(analyzer.Analyze(request).diagnostics)


def _struct(properties: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def test_few_policies_stand_for_all_rules(analyzer: Any) -> None:
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert len(info.policies) == 4
    assert info.policies[0].description.startswith(str(len(all_rules())))


def test_a_broken_rule_blocks_and_names_rule_and_resource(analyzer: Any) -> None:
    (told,) = analyze(analyzer, {"tags": {"agent": "handbook"}})
    assert told.enforcementLevel == MANDATORY
    assert told.urn == URN
    assert "AG17 permission-boundary-on-agent-roles [fail] run.permissionsBoundary" in told.message


def test_an_unknown_value_advises_that_it_was_not_checked(analyzer: Any) -> None:
    (told,) = analyze(analyzer, {"tags": {"agent": "a"}, "permissionsBoundary": UNKNOWN_STRING_VALUE})
    assert told.enforcementLevel == ADVISORY
    assert "[not checked] run.permissionsBoundary" in told.message


def test_a_valid_role_leaves_nothing_to_tell(analyzer: Any) -> None:
    assert analyze(analyzer, {"tags": {"agent": "a"}, "permissionsBoundary": "arn:aws:iam::1:policy/b"}) == []


def test_the_stack_is_judged_by_its_dependencies(analyzer: Any) -> None:
    role = analyzer_pb2.AnalyzerResource(
        type=ROLE, urn=URN, name="run", properties=_struct({"tags": {"agent": "a"}})
    )
    rights = analyzer_pb2.AnalyzerResource(
        type="aws:iam/rolePolicy:RolePolicy",
        urn=f"{URN}-rights",
        name="rights",
        properties=_struct(
            {
                "role": UNKNOWN_STRING_VALUE,
                "policy": {"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}},
            }
        ),
        propertyDependencies={"role": analyzer_pb2.AnalyzerPropertyDependencies(urns=[URN])},
    )
    response = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[role, rights]))
    (told,) = (told for told in response.diagnostics if "AG17b " in told.message)
    assert told.urn == f"{URN}-rights"
