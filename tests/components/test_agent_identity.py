"""The role that one agent runs as."""

from agent_hosting import AgentIdentity, statements
from tests.components.recorder import refused, run
from tests.components.samples import PLATFORM, making


def test_an_identity_without_statements_is_a_role_that_can_do_nothing() -> None:
    program = run(making(AgentIdentity, "reader", statements=None))
    assert program.tree() == {
        ("agent-hosting:index:AgentIdentity", "reader", "agent-hosting-test"),
        ("aws:iam/role:Role", "reader", "reader"),
    }
    assert set(program.one("Role").inputs) == {"assumeRolePolicy", "permissionsBoundary", "tags"}


def test_statements_become_the_roles_own_policy() -> None:
    program = run(making(AgentIdentity, "reader", statements=[statements.trace()]))
    policy = program.one("RolePolicy", "reader-policy")
    assert policy.parent_name == "reader"
    assert policy.inputs["role"] == "reader-0a1b2c3"
    assert policy.document()["Statement"] == [statements.trace()]


def test_the_role_carries_the_given_boundary() -> None:
    role = run(making(AgentIdentity, "reader")).one("Role")
    assert role.inputs["permissionsBoundary"] == PLATFORM["boundary_arn"]


def test_another_service_can_take_the_role_in_place_of_lambda() -> None:
    role = run(making(AgentIdentity, "task", service="ecs-tasks.amazonaws.com")).one("Role")
    (trusted,) = role.document("assumeRolePolicy")["Statement"]
    assert trusted["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_a_service_that_says_for_whom_it_acts_takes_the_role_only_for_the_given_account() -> None:
    source = "arn:aws:ecs:eu-west-1:123456789012:*"
    given = {"service": "ecs-tasks.amazonaws.com", "source_arn": source}
    (trusted,) = (
        run(making(AgentIdentity, "task", **given)).one("Role").document("assumeRolePolicy")["Statement"]
    )
    assert trusted["Condition"] == {
        "ArnLike": {"aws:SourceArn": source},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_a_role_without_a_boundary_is_refused() -> None:
    said = refused(making(AgentIdentity, "reader", boundary_arn=None))
    assert said == (
        "AgentIdentity 'reader': boundary_arn is None; it is required. "
        "Take it from an AgentPlatform: platform.boundary_arn."
    )
