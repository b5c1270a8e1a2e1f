"""Secrets that exactly one agent can read."""

import pulumi
import pytest

from agent_hosting import SecretScope
from tests.components.recorder import DEPLOYER, run
from tests.components.samples import ROLE_ARN, SECRET_TEXT, in_clear, making


def test_each_secret_has_a_policy_and_its_value_under_one_key() -> None:
    assert run(making(SecretScope, "vault")).tree() == {
        ("agent-hosting:index:SecretScope", "vault", "agent-hosting-test"),
        ("aws:kms/key:Key", "vault", "vault"),
        ("aws:secretsmanager/secret:Secret", "vault-api-key", "vault"),
        ("aws:secretsmanager/secretPolicy:SecretPolicy", "vault-api-key-policy", "vault"),
        ("aws:secretsmanager/secretVersion:SecretVersion", "vault-api-key-value", "vault"),
    }


def test_the_scopes_own_key_encrypts_every_secret() -> None:
    program = run(making(SecretScope, "vault", secrets={"one": "1", "two": "2"}))
    key = program.outputs_of("SecretScope")["key_arn"]
    assert key.endswith("/vault-0a1b2c3")
    assert {secret.inputs["kmsKeyId"] for secret in program.all("Secret")} == {key}


def test_everyone_but_the_reader_and_the_deployer_is_denied() -> None:
    (denied,) = run(making(SecretScope, "vault")).one("SecretPolicy").document()["Statement"]
    assert (denied["Effect"], denied["Principal"], denied["Resource"]) == ("Deny", "*", "*")
    assert denied["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [ROLE_ARN, DEPLOYER]}}


def test_a_further_reader_is_let_in_beside_the_first() -> None:
    program = run(making(SecretScope, "vault", further_reader_arns=["arn:execution"]))
    (denied,) = program.one("SecretPolicy").document()["Statement"]
    readers = denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert readers == sorted([ROLE_ARN, "arn:execution", DEPLOYER])


def test_named_deployers_take_the_place_of_whoever_deploys() -> None:
    program = run(making(SecretScope, "vault", deployer_arns=["arn:ci", "arn:admin"]))
    (denied,) = program.one("SecretPolicy").document()["Statement"]
    assert denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"] == ["arn:admin", ROLE_ARN, "arn:ci"]


def test_the_deployer_is_the_role_and_not_the_session() -> None:
    """A session's ARN is another one tomorrow, and would lock out the next deployment."""
    program = run(making(SecretScope, "vault"))
    assert "assumed-role" not in program.one("SecretPolicy").inputs["policy"]


def test_a_value_is_a_pulumi_secret_even_when_it_was_given_in_clear() -> None:
    program = run(making(SecretScope, "vault", secrets={"api-key": SECRET_TEXT}))
    version = program.one("SecretVersion")
    assert version.inputs["secretString"] == SECRET_TEXT
    assert version.secrets == {"secretString"}
    assert in_clear(program.resources, SECRET_TEXT) == []


def test_a_value_is_written_only_after_the_policy_that_guards_it() -> None:
    program = run(making(SecretScope, "vault"))
    assert program.one("SecretPolicy").urn in program.one("SecretVersion").depends_on


def test_an_empty_value_makes_the_secret_and_leaves_its_value_to_the_user() -> None:
    program = run(making(SecretScope, "vault", secrets={"later": ""}))
    assert program.one("Secret").name == "vault-later"
    assert program.all("SecretVersion") == []
    assert len(program.all("SecretPolicy")) == 1


@pytest.mark.parametrize(("days", "window"), [(None, 30), (30, 30), (7, 7), (0, 0)])
def test_a_deleted_secret_can_be_had_back_for_the_days_that_were_asked_for(
    days: int | None, window: int
) -> None:
    program = run(making(SecretScope, "vault", recovery_days=days))
    assert program.one("Secret").inputs["recoveryWindowInDays"] == window
    assert program.one("Key").inputs["deletionWindowInDays"] == max(window, 7)


def test_secrets_are_rotated_only_where_a_function_does_it() -> None:
    assert run(making(SecretScope, "vault", rotation_days=5)).all("SecretRotation") == []
    program = run(making(SecretScope, "vault", rotation_function_arn="arn:rotate", rotation_days=5))
    rotation = program.one("SecretRotation", "vault-api-key-rotation")
    assert rotation.inputs["rotationLambdaArn"] == "arn:rotate"
    assert rotation.inputs["rotationRules"] == {"automaticallyAfterDays": 5}


def test_the_outputs_name_each_secret_by_its_exact_arn() -> None:
    program = run(making(SecretScope, "vault", secrets={"one": "1", "two": "2"}))
    assert program.outputs_of("SecretScope")["secret_arns"] == {
        "one": "arn:aws:secretsmanager:eu-west-1:123456789012:Secret/vault-one-0a1b2c3",
        "two": "arn:aws:secretsmanager:eu-west-1:123456789012:Secret/vault-two-0a1b2c3",
    }


def test_a_value_known_only_later_is_written_all_the_same() -> None:
    def program() -> None:
        made = pulumi.Output.from_input("made by another resource")
        SecretScope("vault", {"reader_role_arn": ROLE_ARN, "secrets": {"token": made}})

    assert run(program).one("SecretVersion").secrets == {"secretString"}
