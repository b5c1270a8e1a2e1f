"""The recorder itself: what it would hide, no test of a component could find."""

import pulumi
import pulumi_aws as aws
import pytest

from tests.components.recorder import NOT_FOUND, World, fails, run, value
from tests.components.samples import in_clear


def test_a_resource_is_recorded_with_its_parent_its_options_and_its_secrets() -> None:
    def program() -> None:
        parent = pulumi.ComponentResource("a:index:Thing", "thing")
        options = pulumi.ResourceOptions(parent=parent, retain_on_delete=True, ignore_changes=["tags"])
        aws.sqs.Queue("queue", name=pulumi.Output.secret("hidden"), tags={"open": "yes"}, opts=options)

    queue = run(program).one("Queue")
    assert (queue.name, queue.parent_name, queue.retain_on_delete) == ("queue", "thing", True)
    assert queue.ignore_changes == ("tags",)
    assert queue.inputs == {"name": "hidden", "tags": {"open": "yes"}}
    assert queue.secrets == {"name"}


def test_a_secret_in_clear_is_found_and_a_marked_one_is_not() -> None:
    def program(made: object) -> None:
        aws.sqs.Queue("queue", tags={"key": made})  # type: ignore[dict-item]

    assert in_clear(run(lambda: program("hush")).resources, "hush") == ["queue: tags.key"]
    assert in_clear(run(lambda: program(pulumi.Output.secret("hush"))).resources, "hush") == []


def test_two_resources_of_one_type_and_name_are_refused_as_the_engine_does() -> None:
    def program() -> None:
        aws.sqs.Queue("queue")
        aws.sqs.Queue("queue")

    with pytest.raises(Exception, match="Duplicate resource URN"):
        run(program)


def test_a_failing_program_does_not_reach_into_the_next_one() -> None:
    def failing() -> None:
        made = aws.sqs.Queue("queue")
        made.arn.apply(lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(failing)
    assert [r.name for r in run(lambda: aws.sqs.Queue("other")).resources] == ["other"]


def test_a_failing_look_up_is_raised_in_the_program() -> None:
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        run(
            lambda: aws.get_caller_identity_output().account_id.apply(str),
            World({"getCallerIdentity": fails(NOT_FOUND)}),
        )


def test_outputs_come_to_their_values() -> None:
    assert value(lambda: {"a": pulumi.Output.concat("b", "c")}) == {"a": "bc"}
