"""Mistakes in a stack's YAML are told with the path to the field, and without a traceback."""

import copy
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from agent_hosting._stack_entries import AgentEntry
from agent_hosting._validation import InputError
from agent_hosting.stack_config import StackConfig, read_stack
from tests.components.recorder import run
from tests.components.samples import IMAGE

VALID: dict[str, Any] = {
    "agents": {
        "handbook": {
            "source": "examples/agent",
            "run_profile": {"longest_run_seconds": 20},
            "monthly_budget_usd": 5,
        }
    }
}


def given(config: dict[str, Any]) -> dict[str, str]:
    """As Pulumi hands configuration over: JSON for what is no text."""
    held = {f"agent-hosting:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in config.items()}
    return {"aws:region": "eu-west-1", **held}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The valid configuration with one field set, or taken away where the value is None."""
    config = copy.deepcopy(VALID)
    *parents, last = path.split(".")
    at = config
    for parent in parents:
        at = at.setdefault(parent, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return config


def told(config: dict[str, Any], stack: str = "dev") -> str:
    with pytest.raises(pulumi.RunError) as caught:
        read_stack(stack, given(config))
    assert type(caught.value) in (pulumi.RunError, InputError)
    return str(caught.value)


def test_a_valid_stack_is_read_with_its_defaults() -> None:
    stack = read_stack("dev", given(VALID))
    assert (stack.retain_data, stack.architecture, stack.jwt) == (True, "arm64", None)
    assert stack.release_store == "releases"
    assert stack.agents["handbook"].monthly_budget_usd == 5


AGENT = "agents.handbook"
AGENT_FIELDS = "no such field; known are alert_emails, analysis, audit_lock, audit_retention_days, "


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        # Fields that are none.
        (
            "agent",
            {},
            "agent-hosting:agent is {}: no such field; known are agents, architecture, cluster, ",
        ),
        (f"{AGENT}.monthly_budget", 5, f"agent-hosting:{AGENT}.monthly_budget is 5: {AGENT_FIELDS}"),
        (
            f"{AGENT}.run_profile.longest_run",
            5,
            f"agent-hosting:{AGENT}.run_profile.longest_run is 5: no such field; known are keeps_state_in_",
        ),
        (
            f"{AGENT}.model",
            {"provider": "openai", "name": "m-1", "temprature": 1},
            f"agent-hosting:{AGENT}.model.temprature is 1: no such field; known are api_key_secret, ",
        ),
        (
            f"{AGENT}.models",
            {"large": {"provider": "openai", "name": "m-1", "temprature": 1}},
            f"agent-hosting:{AGENT}.models.large.temprature is 1: no such field; known are api_key_secret, ",
        ),
        (
            "jwt",
            {"issuer": "https://a.example", "audiences": ["a"], "audience": "a"},
            "agent-hosting:jwt.audience is 'a': no such field; known are audiences, issuer",
        ),
        # Fields that are missing.
        (f"{AGENT}.monthly_budget_usd", None, f"agent-hosting:{AGENT}.monthly_budget_usd: Field required"),
        ("agents", None, "agent-hosting:agents: Field required"),
        (f"{AGENT}.run_profile", None, "give a `run_profile` or a `host`"),
        (f"{AGENT}.source", None, "give either `source` (a folder) or `releases` (bundle ids; "),
        (
            f"{AGENT}.releases",
            ["aaaaaaaaaaaa"],
            "give either `source` (a folder) or `releases` (bundle ids; ",
        ),
        ("agents", {}, "agent-hosting:agents is {}: Dictionary should have at least 1 item"),
        # Values of another kind, or out of range.
        (
            f"{AGENT}.monthly_budget_usd",
            "much",
            f"agent-hosting:{AGENT}.monthly_budget_usd is 'much': Input should be a",
        ),
        (
            f"{AGENT}.monthly_budget_usd",
            0,
            f"agent-hosting:{AGENT}.monthly_budget_usd is 0: Input should be greater",
        ),
        (f"{AGENT}.monthly_budget_usd", -5, "monthly_budget_usd is -5: Input should be greater than 0"),
        (
            f"{AGENT}.monthly_budget_usd",
            float("nan"),
            "monthly_budget_usd is nan: Input should be a finite number",
        ),
        (
            f"{AGENT}.monthly_budget_usd",
            float("inf"),
            "monthly_budget_usd is inf: Input should be a finite number",
        ),
        (
            f"{AGENT}.memory_mb",
            "512 MB",
            f"agent-hosting:{AGENT}.memory_mb is '512 MB': Input should be a valid integer",
        ),
        (
            f"{AGENT}.secrets",
            "api-key",
            f"agent-hosting:{AGENT}.secrets is 'api-key': Input should be a valid tuple",
        ),
        (
            f"{AGENT}.secrets",
            ["a/b"],
            f"agent-hosting:{AGENT}.secrets.0 is 'a/b': String should match pattern",
        ),
        (
            f"{AGENT}.tenants",
            ["a b"],
            f"agent-hosting:{AGENT}.tenants.0 is 'a b': String should match pattern",
        ),
        (
            f"{AGENT}.host",
            "gpu",
            f"agent-hosting:{AGENT}.host is 'gpu': Input should be 'lambda', 'ecs' or 'eks'",
        ),
        (
            f"{AGENT}.run_profile.longest_run_seconds",
            0,
            "run_profile.longest_run_seconds is 0: Input should be greater",
        ),
        (
            f"{AGENT}",
            "examples/agent",
            f"agent-hosting:{AGENT} is 'examples/agent': Input should be a valid dictionary",
        ),
        (
            "architecture",
            "riscv",
            "agent-hosting:architecture is 'riscv': Input should be 'arm64', 'x86_64' or 'this-m",
        ),
        (
            "retain_data",
            "sometimes",
            "agent-hosting:retain_data is 'sometimes': Input should be a valid boolean",
        ),
        (
            "jwt",
            {"issuer": "https://a.example", "audiences": []},
            "agent-hosting:jwt.audiences is []: Tuple should have",
        ),
        # Names.
        (
            "agents.Hand_Book",
            VALID["agents"]["handbook"],
            "agent-hosting:agents.Hand_Book.[key] is 'Hand_Book': String",
        ),
    ],
)
def test_a_mistake_is_told_with_its_path_its_value_and_what_is_allowed(
    path: str, value: Any, said: str
) -> None:
    text = told(changed(path, value))
    assert said in text
    assert all(line.startswith("stacks/Pulumi.dev.yaml: agent-hosting:") for line in text.splitlines())


def test_every_mistake_is_told_at_once() -> None:
    config = changed(f"{AGENT}.monthly_budget_usd", -1)
    config["agents"]["handbook"]["memory_md"] = 512
    config["retain_data"] = "no idea"
    assert len(told(config).splitlines()) == 3


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"bundle": "latest", "image": "a"}, "releases.1.bundle is 'latest': String should match pattern"),
        ({"bundle": "bbbbbbbbbbbb"}, "releases.1.image: Field required"),
        (
            {"bundle": "bbbbbbbbbbbb", "image": "a", "tag": "1"},
            "releases.1.tag is '1': no such field; known are bundle, image",
        ),
        (7, "releases.1 is 7: Input should be a valid string"),
    ],
)
def test_a_mistake_in_a_release_with_its_image_is_told_with_its_place(listed: Any, said: str) -> None:
    config = changed(f"{AGENT}.source", None)
    config["agents"]["handbook"]["releases"] = ["aaaaaaaaaaaa", listed]
    assert f"agent-hosting:{AGENT}.{said}" in told(config)


def test_a_bundle_id_that_is_none_is_told_with_its_place() -> None:
    config = changed(f"{AGENT}.source", None)
    config["agents"]["handbook"]["releases"] = ["aaaaaaaaaaaa", "latest"]
    assert (
        f"agent-hosting:{AGENT}.releases.1 is 'latest': String should match pattern '^[0-9a-f]{{12}}$'"
        in told(config)
    )


@pytest.mark.parametrize("stack", ["staging", "prod", "production", "test"])
def test_a_working_tree_is_refused_outside_local_and_dev(stack: str) -> None:
    assert told(VALID, stack) == (
        f"stacks/Pulumi.{stack}.yaml: agent-hosting:agents.handbook.source is 'examples/agent'; a working "
        "tree is allowed in local and dev only. Pack it with `agent-hosting release new handbook "
        f"--stack {stack}`, which writes its bundle id under `releases`."
    )


@pytest.mark.parametrize("stack", ["local", "dev"])
def test_a_working_tree_is_allowed_in_local_and_dev(stack: str) -> None:
    read_stack(stack, given(VALID))


@pytest.mark.parametrize("path", [f"{AGENT}.model_endpoint", "jwt"])
def test_a_variable_that_is_not_set_is_told_by_its_name(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_ADDRESS", raising=False)
    value = "${NO_SUCH_ADDRESS}"
    config = changed(path, {"issuer": value, "audiences": ["a"]} if path == "jwt" else value)
    text = told(config)
    assert "is '${NO_SUCH_ADDRESS}': the environment variable NO_SUCH_ADDRESS is not set; " in text
    assert f"agent-hosting:{path}" in text


def test_a_variable_that_is_set_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS", "http://127.0.0.1:4566")
    stack = read_stack("dev", given(changed(f"{AGENT}.model_endpoint", "${MODELS}/v1")))
    assert stack.agents["handbook"].model_endpoint == "http://127.0.0.1:4566/v1"


def test_secret_values_beside_the_agents_are_no_fields() -> None:
    config = given(VALID) | {"agent-hosting:handbook.api-key": "sk-hidden"}
    assert isinstance(read_stack("dev", config), StackConfig)


def args_of(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def program() -> None:
        stack = read_stack("dev", given(config))
        found.update(stack.agent_args("handbook", "dev", Path("/project"), pulumi.Config("agent-hosting")))
        pulumi.export("secrets", found.get("secrets"))

    done = run(program, config=given(config), **more)
    found["said"], found["secrets"] = done.said, done.exports["secrets"]
    found["secret"] = set().union(*done.secret_outputs.values())
    return found


def test_a_working_tree_serves_at_once_and_a_release_waits_for_the_controller() -> None:
    tree = args_of(VALID)
    assert tree["releases"] == [{"source": str(Path("/project/examples/agent"))}]
    assert tree["shares"] == {"newest": 1.0}
    config = changed(f"{AGENT}.source", None)
    config["agents"]["handbook"]["releases"] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]
    released = args_of(config)
    assert "shares" not in released
    assert released["releases"][-1] == {
        "bundle_id": "bbbbbbbbbbbb",
        "archive": str(Path("/project/releases/handbook/bbbbbbbbbbbb.zip")),
    }


def test_a_release_may_come_with_its_image_and_so_may_a_working_tree() -> None:
    config = changed(f"{AGENT}.source", None)
    listed = ["aaaaaaaaaaaa", {"bundle": "bbbbbbbbbbbb", "image": IMAGE}]
    config["agents"]["handbook"] |= {"releases": listed, "host": "ecs"}
    older, newest = args_of(config)["releases"]
    assert "image" not in older
    assert (newest["bundle_id"], newest["image"]) == ("bbbbbbbbbbbb", IMAGE)
    (tree,) = args_of(changed(f"{AGENT}.image", IMAGE))["releases"]
    assert tree == {"source": str(Path("/project/examples/agent")), "image": IMAGE}


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        ({"emails": ["ops@example.com"]}, {"emails": ["ops@example.com"]}),
        ({"topic_arn": "arn:t", "webhook": False}, {"topic_arn": "arn:t"}),
        ({"webhook": True}, {"webhook_url": ""}),
    ],
)
def test_who_is_told_reaches_the_component_and_the_chats_address_comes_from_a_secret(
    notify: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert args_of(changed(f"{AGENT}.notify", notify))["notify"] == expected


def test_a_chats_address_in_the_yaml_is_refused() -> None:
    said = told(changed(f"{AGENT}.notify", {"webhook_url": "https://hooks.example.com"}))
    assert "notify.webhook_url" in said
    assert "no such field; known are emails, topic_arn, topic_key_arn, webhook" in said


def test_every_field_of_an_agent_reaches_the_component() -> None:
    config = copy.deepcopy(VALID)
    fields: dict[str, Any] = {
        "alert_emails": ["owner@example.com"],
        "tenants": ["acme"],
        "tools": ["search"],
        "tool_versions": {"search": "1.4.2"},
        "models": {
            "large": {
                "provider": "openai",
                "name": "m-v1",
                "max_output_tokens": 800,
                "stop_sequences": ("END",),
                "cache": True,
                "cache_read_usd_per_million_tokens": 0.1,
                "cache_write_usd_per_million_tokens": 1.25,
                "context_share": 0.5,
                "fallback": ("small",),
                "timeout_seconds": 20,
            }
        },
        "model_endpoint": "https://models.example.com/v1",
        "model_endpoints": {"large": "https://other.example.com/v1"},
        "shares": {"newest": 0.05, "stable": 0.95},
        "memory_mb": 1024,
        "turn_timeout_seconds": 20,
        "reserved_concurrency": 5,
        "requests_per_second": 3,
        "checkpoint_retention_days": 7,
        "log_retention_days": 30,
        "audit_lock": "compliance",
        "audit_retention_days": 731,
        "monthly_budget_usd": 7,
        "rollout": {"scores": ["grounding"]},
        "host": "lambda",
        "backlog_per_worker": 2.5,
        "cpu_units": 512,
        "dead_letter_retention_days": 6,
        "max_receives": 4,
        "max_workers": 3,
        "queue_retention_days": 2,
        "secret_variables": {"API_KEY": "api-key"},
        "observe": {"redact": ["acct_[0-9]+"]},
        "schedules": {"nightly": {"expression": "rate(1 day)", "input": {"question": "why?"}}},
        "spend": {"tenant": {"day_usd": 1}},
        "escalate": {"max_steps": 40},
        "spot_share": 0.5,
        "stop_seconds": 60,
        "tenant_share": 0.25,
        "visibility_seconds": 60,
        "worker_concurrency": 8,
        "analysis": {"provider": "cloudwatch"},
        "cpu_millicores": 500,
        "destinations": [{"cidr_block": "203.0.113.0/24", "port": 8443}],
        "gateway": {"name": "inner", "hostnames": ["agents.example.com"]},
        "idle_seconds": 60,
        "longest_step_seconds": 120.5,
        "max_pods": 3,
        "min_pods": 0,
        "namespace": "helpers",
        "pod_concurrency": 2,
        "sessions_per_pod": 7.5,
        "volume_gb": 20,
        "workload": "sandbox",
    }
    config["agents"]["handbook"] |= fields
    found = args_of(config)
    for field, value in fields.items():
        held = found[field]
        assert (list(held) if isinstance(held, tuple) else held) == value, field
    left_out = {"source", "image", "releases", "run_profile", "model", "secrets", "notify"}
    assert set(AgentEntry.model_fields) - left_out == set(fields), "a field that this test does not know"
    assert found["run_profile"]["longest_run_seconds"] == 20
    assert (found["environment"], found["retain_data"], found["architecture"]) == ("dev", True, "arm64")


def test_a_secret_comes_from_the_encrypted_configuration_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET_HANDBOOK_API_KEY", "from the environment")
    config = changed(f"{AGENT}.secrets", ["api-key"]) | {"handbook.api-key": "from the configuration"}
    found = args_of(config, secret_keys=("agent-hosting:handbook.api-key",))
    assert found["secrets"] == {"api-key": "from the configuration"}
    assert "secrets.api-key" in found["secret"]


def test_a_secret_comes_from_the_environment_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_SECRET_HANDBOOK_API_KEY", "from the environment")
    found = args_of(changed(f"{AGENT}.secrets", ["api-key"]))
    assert found["secrets"] == {"api-key": "from the environment"}
    assert "secrets.api-key" in found["secret"]


def test_a_secret_without_a_value_is_said_with_the_command_that_sets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AGENT_SECRET_HANDBOOK_API_KEY", raising=False)
    found = args_of(changed(f"{AGENT}.secrets", ["api-key"]))
    assert found["secrets"] == {"api-key": ""}
    (warning,) = found["said"]
    assert "secret api-key of agent handbook has no value" in warning
    assert "pulumi config set --secret agent-hosting:handbook.api-key VALUE" in warning


def test_the_cluster_of_a_stack_gets_the_platforms_boundary_only_where_it_makes_a_network() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    network = {"subnet_ids": ["subnet-a"], "security_group_ids": ["sg-a"]}
    existing = {"name": "theirs", "kubeconfig": "{}"}
    for cluster, wanted in (
        (None, {"boundary_arn": boundary}),
        ({"nodes": "karpenter"}, {"boundary_arn": boundary, "nodes": "karpenter"}),
        ({"network": network}, {"network": network}),
        ({"existing": existing}, {"existing": existing}),
    ):
        config = VALID | ({"cluster": cluster} if cluster else {})
        assert read_stack("dev", given(config)).cluster_args(boundary) == wanted


def test_a_price_of_the_stack_counts_for_the_models_of_its_name_whatever_they_say() -> None:
    prices = {"input_usd_per_million_tokens": 3.0, "output_usd_per_million_tokens": 15.0}
    model = {"provider": "openai", "name": "own-model-v1"}
    for own in ({}, {"input_usd_per_million_tokens": 1.0}):
        config = copy.deepcopy(VALID)
        config["prices"] = {"own-model-v1": prices, "another-v1": prices}
        config["agents"]["handbook"]["model"] = {**model, **own}
        args = args_of(config)
        assert {name: args["model"][name] for name in prices} == prices
        assert args["prices"] == {"own-model-v1": prices, "another-v1": prices}


@pytest.mark.parametrize(
    ("price", "path"),
    [
        (
            {"input_usd_per_million_tokens": -1, "output_usd_per_million_tokens": 1},
            "input_usd_per_million_tokens",
        ),
        ({"input_usd_per_million_tokens": 1}, "output_usd_per_million_tokens"),
        ({"usd": 1}, "usd"),
    ],
)
def test_a_price_that_is_none_is_refused_by_its_path(price: dict[str, Any], path: str) -> None:
    config = copy.deepcopy(VALID)
    config["prices"] = {"own-model-v1": price}
    with pytest.raises(pulumi.RunError, match=rf"prices\.own-model-v1.*{path}"):
        read_stack("dev", given(config))
