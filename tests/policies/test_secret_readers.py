"""AG08: who can read a secret, over identity and resource policies."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, ACCOUNT, UNKNOWN, changed, fails, passes, resource, text, unchecked

SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:agent-a/key-AbCdEf"
READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": SECRET}


def arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def secret(**given: Any) -> Any:
    return resource("secretsmanager/secret:Secret", "key", changed({"arn": SECRET}, **given))


def own(*statements: dict[str, Any]) -> Any:
    held = {"secretArn": SECRET, "policy": text(*statements)}
    return resource("secretsmanager/secretPolicy:SecretPolicy", "own", held)


def agent(name: str, *statements: dict[str, Any], **given: Any) -> list[Any]:
    valid = {"arn": arn(name), "name": name, "tags": {"agent": name}}
    rights = {"role": name, "policy": text(*statements)}
    return [
        resource("iam/role:Role", name, changed(valid, **given)),
        resource("iam/rolePolicy:RolePolicy", f"{name}-rights", rights),
    ]


def test_a_secret_with_one_reader_passes() -> None:
    other = {**READ, "Resource": SECRET.replace("agent-a", "agent-b")}
    assert passes("AG08", secret(), *agent("a", READ), *agent("b", other))
    assert passes("AG08", secret())
    twice = {**READ, "Action": "secretsmanager:BatchGetSecretValue"}
    assert passes("AG08", secret(), *agent("a", READ, twice, {**READ, "Resource": "*"}))


@pytest.mark.parametrize(
    "wide",
    [
        {},
        {"Resource": "*"},
        {"Resource": ["*"]},
        {"Resource": SECRET[:-7] + "*"},
        {"Resource": SECRET[:-7] + "-??????"},
        {"Resource": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:agent-*"},
        {"Action": "*"},
        {"Action": ["secretsmanager:*"]},
        {"Action": "SecretsManager:getsecretvalue"},
        {"Action": "secretsmanager:Batch*"},
        {"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
    ],
)
def test_a_secret_with_two_readers_fails(wide: dict[str, Any]) -> None:
    (told,) = fails("AG08", secret(), *agent("a", READ), *agent("b", {**READ, **wide}))
    assert "a, b" in told


def test_not_action_and_not_resource_are_read() -> None:
    all_but = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert fails("AG08", secret(), *agent("a", READ), *agent("b", all_but))
    spared = {"Effect": "Allow", "Action": "secretsmanager:*", "NotResource": SECRET[:-7] + "*"}
    assert passes("AG08", secret(), *agent("a", READ), *agent("b", spared))


def test_two_roles_of_one_agent_are_one_reader() -> None:
    """On ECS one starts the container with the secret, the other reads it while it runs."""
    starting = agent("a-execution", READ, tags={"agent": "a"})
    assert passes("AG08", secret(), *agent("a", READ), *starting)
    (told,) = fails("AG08", secret(), *agent("a", READ), *starting, *agent("b", READ))
    assert "2 agents' roles" in told


def test_the_six_characters_are_thought_of_while_the_arn_is_unknown() -> None:
    unnamed = secret(arn=UNKNOWN, name="agent-a/key")
    near = {**READ, "Resource": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:agent-a/k*"}
    assert fails("AG08", unnamed, *agent("a", near), *agent("b", near))
    strange = {**READ, "Resource": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:agent-b/key-*"}
    assert passes("AG08", unnamed, *agent("a", near), *agent("b", strange))
    anywhere = {**READ, "Resource": "arn:aws:secretsmanager:*:secret:agent-a*"}
    assert fails("AG08", unnamed, *agent("a", near), *agent("b", anywhere))


def test_the_secrets_own_policy_can_let_a_role_in() -> None:
    lets = {**READ, "Principal": {"AWS": [arn("b")]}, "Resource": "*"}
    assert fails("AG08", secret(), own(lets), *agent("a", READ), *agent("b"))
    to_account = {**lets, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    assert passes("AG08", secret(), own(to_account), *agent("a", READ), *agent("b"))


def test_a_secret_open_to_everyone_fails() -> None:
    assert fails("AG08", secret(), own({**READ, "Principal": "*", "Resource": "*"}))
    assert fails("AG08", secret(policy=text({**READ, "Principal": {"AWS": "*"}, "Resource": "*"})))


def test_a_denial_of_all_but_one_closes_it() -> None:
    both = [*agent("a", READ), *agent("b", READ)]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    only_a = {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": [arn("a")]}}}
    assert passes("AG08", secret(), own({**deny, **only_a}), *both)
    both_spared = {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": [arn("a"), arn("b")]}}}
    assert fails("AG08", secret(), own({**deny, **both_spared}), *both)
    by_network = {"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}
    assert fails("AG08", secret(), own({**deny, **by_network}), *both)


def test_roles_that_are_no_agents_are_not_counted() -> None:
    assert passes("AG08", secret(), *agent("a", READ), *agent("b", READ, tags=ABSENT))


def test_unknown_policies_and_arns_are_not_checked() -> None:
    assert unchecked("AG08", secret(arn=UNKNOWN)) == ["arn"]
    assert unchecked("AG08", secret(policy=UNKNOWN)) == ["policy"]
    rights = resource("iam/rolePolicy:RolePolicy", "r", {"role": "a", "policy": UNKNOWN})
    assert unchecked("AG08", secret(), *agent("a"), rights) == ["policy"]


@pytest.mark.parametrize("policy", ["{", "7", ["x"], {"Statement": "all"}])
def test_a_malformed_policy_fails(policy: Any) -> None:
    assert fails("AG08", secret(policy=policy))


def bound(*statements: dict[str, Any]) -> Any:
    return resource("iam/policy:Policy", "bound", {"arn": "arn:bound", "policy": text(*statements)})


def test_a_boundary_counts_where_this_stack_holds_it() -> None:
    both = [*agent("a", READ), *agent("b", READ, permissionsBoundary="arn:bound")]
    logs_alone = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    elsewhere = {**READ, "Resource": SECRET.replace("agent-a", "agent-b")}
    denied = {**READ, "Effect": "Deny", "Resource": "*"}
    for boundary in ([logs_alone], [elsewhere], [{**READ, "Resource": "*"}, denied]):
        assert passes("AG08", secret(), *both, bound(*boundary))
    assert fails("AG08", secret(), *both, bound({**READ, "Resource": "*"}))
    assert fails("AG08", secret(), *both)
    for_b = {"Effect": "Allow", "Principal": {"AWS": arn("b")}, "Action": READ["Action"], "Resource": "*"}
    assert passes("AG08", secret(), own(for_b), *both, bound(logs_alone))
