"""The helper for unit tests of users' own stacks."""

import re
import textwrap
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from policies.framework.values import UNKNOWN
from policies.testing import AwsMocks, Outcome, findings, program_resources, recorded

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""pulumi_aws deprecates names of its own while it is imported."""
PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def queue(name: str = "runs", **props: Any) -> pulumi.CustomResource:
    return pulumi.CustomResource("aws:sqs/queue:Queue", name, {"arn": None, "name": None, **props})


def ids(program: Any, **given: Any) -> set[str]:
    return {one.rule_id for one in findings(program, **given) if one.blocks}


def test_the_snippets_of_the_documentation_run() -> None:
    snippets = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert snippets
    for snippet in snippets:
        names: dict[str, Any] = {}
        exec(compile(snippet, str(PAGE), "exec"), names)
        for name in names:
            if name.startswith("test_"):
                names[name]()


def test_a_programs_findings_are_those_of_the_stack_and_of_each_resource() -> None:
    found = findings(lambda: queue(sqsManagedSseEnabled=False))
    assert {one.rule_id for one in found if one.blocks} >= {"C13", "C16"}
    assert all(one.urn.endswith("::runs") for one in found)


def test_a_program_may_be_a_folder_or_a_file(tmp_path: Path) -> None:
    program = """
        import pulumi
        pulumi.CustomResource("aws:sqs/queue:Queue", pulumi.Config("shop").require("queue"), {})
        """
    (tmp_path / "__main__.py").write_text(textwrap.dedent(program))
    for path in (tmp_path, str(tmp_path / "__main__.py")):
        assert "C16" in ids(path, config={"shop:queue": "orders"})


def test_environment_levels_and_waivers_are_those_of_the_packs_config() -> None:
    waiver = {
        "policy": "C16",
        "resource": "runs",
        "reason": "Nobody reads it any more",
        "expires": "2999-01-01",
    }
    assert "C16" not in ids(queue, waivers=[waiver])
    assert "C16" not in ids(queue, levels={"C16": "advisory"})
    assert "waiver" in ids(queue, waivers=[{**waiver, "reason": ""}])


def test_resources_are_joined_by_what_they_were_made_from() -> None:
    def program() -> None:
        made: Any = queue()
        pulumi.CustomResource("aws:sqs/queuePolicy:QueuePolicy", "policy", {"queueUrl": made.id})

    for preview, told in ((False, "runs-0a1b2c3"), (True, UNKNOWN)):
        held = {one.name: one for one in program_resources(recorded(program, preview=preview))}
        assert held["policy"].dependencies == {"queueUrl": (held["runs"].urn,)}
        assert held["policy"].props["queueUrl"] == told


def test_what_only_a_deployment_tells_is_reported_in_a_preview_as_not_checked() -> None:
    def program() -> None:
        made: Any = queue()
        policy = {"policy": pulumi.Output.json_dumps({"Statement": [{"Resource": made.arn}]})}
        pulumi.CustomResource("aws:iam/policy:Policy", "policy", policy)

    assert Outcome.NOT_CHECKED in {one.outcome for one in findings(program, preview=True)}


class TheirMocks(Mocks):
    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return "their-id", {**args.inputs, "arn": "arn:aws:sqs:eu-west-1:1:theirs"}

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        return {"accountId": "999999999999"}


def test_a_users_own_mocks_answer_the_program() -> None:
    (one,) = program_resources(recorded(queue, mocks=TheirMocks()))
    assert (one.props["id"], one.props["arn"]) == ("their-id", "arn:aws:sqs:eu-west-1:1:theirs")


def test_a_missing_answer_is_told_by_its_function() -> None:
    def program() -> None:
        pulumi.runtime.invoke("aws:ec2/getVpc:getVpc", {"id": "vpc-1"})

    with pytest.raises(Exception, match="no answer to aws:ec2/getVpc:getVpc"):
        findings(program)
    assert findings(program, mocks=AwsMocks({"aws:ec2/getVpc:getVpc": {"id": "vpc-1"}})) == []


def test_documents_of_policies_are_made_as_aws_makes_them() -> None:
    import pulumi_aws as aws

    def program() -> None:
        document = aws.iam.get_policy_document_output(
            statements=[
                {
                    "sid": "Take",
                    "actions": ["sts:AssumeRole"],
                    "principals": [{"type": "*", "identifiers": ["*"]}],
                    "conditions": [
                        {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["1"]}
                    ],
                }
            ]
        )
        aws.iam.Role("open", assume_role_policy=document.json)

    (role,) = program_resources(recorded(program))
    assert '"Principal": "*"' in role.props["assumeRolePolicy"]
    assert '"Condition": {"StringEquals": {"aws:SourceAccount": ["1"]}}' in role.props["assumeRolePolicy"]


@pytest.mark.parametrize(
    "broken", [lambda: 1 / 0, lambda: pulumi.Output.from_input(0).apply(lambda n: 1 / n)]
)
def test_a_program_that_fails_fails_its_test(broken: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        findings(lambda: pulumi.export("x", broken()))


async def _coroutine() -> None: ...


def test_a_coroutine_is_refused_rather_than_judged_empty() -> None:
    with pytest.raises(TypeError, match="give a function"):
        findings(_coroutine)
