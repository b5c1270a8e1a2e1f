from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runtime.bundle import Bundle
from agent_runtime.errors import SettingsError
from agent_runtime.settings import DoorSettings, ServerSettings, Settings, WorkerSettings

ENVIRONMENT = {
    "AGENT_NAME": "answers",
    "AGENT_ENVIRONMENT": "dev",
    "AGENT_CHECKPOINT_TABLE": "checkpoints",
    "AGENT_CHECKPOINT_BUCKET": "blobs",
    "AGENT_CONTROL_TABLE": "control",
    "AGENT_SECRETS": '{"model-api-key": "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"}',
    "AGENT_MODEL_ENDPOINT": "https://models.example/v1/",
    "AGENT_TURN_TIMEOUT_SECONDS": "20",
}


def test_the_environment_is_read_once_and_checked() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.agent_name == "answers"
    assert settings.model_endpoint == "https://models.example/v1"
    assert settings.turn_timeout_seconds == 20
    assert settings.checkpoint_retention_days == 30
    assert settings.tenants is None


def test_tenants_are_divided_by_commas() -> None:
    settings = Settings.from_environment({**ENVIRONMENT, "AGENT_TENANTS": "acme, other"})
    assert settings.tenants == {"acme", "other"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AGENT_NAME", "a#b"),
        ("AGENT_NAME", "a*"),
        ("AGENT_CHECKPOINT_TABLE", ""),
        ("AGENT_SECRETS", "not json"),
        ("AGENT_SECRETS", '["a"]'),
        ("AGENT_MODEL_ENDPOINT", "http://models.example/v1"),
        ("AGENT_MODEL_ENDPOINT", "https://user:hunter2@models.example/v1"),
        ("AGENT_CHECKPOINT_RETENTION_DAYS", "0"),
        ("AGENT_TURN_TIMEOUT_SECONDS", "soon"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_shown(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as error:
        Settings.from_environment({**ENVIRONMENT, variable: value})
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


def test_settings_show_the_names_of_secrets_alone() -> None:
    shown = repr(Settings.from_environment(ENVIRONMENT))
    assert "model-api-key" in shown
    assert "arn:aws" not in shown


def test_the_bundle_of_the_release_is_the_one_that_starts(
    tmp_path: Path, make_bundle: Callable[..., Bundle]
) -> None:
    bundle = make_bundle()
    (tmp_path / "bundle.json").write_text(bundle.canonical_json())
    here = {**ENVIRONMENT, "LAMBDA_TASK_ROOT": str(tmp_path)}
    assert Settings.from_environment({**here, "AGENT_BUNDLE_ID": bundle.bundle_id}).load_bundle() == bundle
    with pytest.raises(
        SettingsError, match=f"is bundle {bundle.bundle_id}, the release promises 000000000000"
    ):
        Settings.from_environment({**here, "AGENT_BUNDLE_ID": "000000000000"}).load_bundle()


@pytest.mark.parametrize("text", [None, "{}", '{"schema_version": 2}'])
def test_a_missing_or_unknown_bundle_refuses_to_start(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(SettingsError, match=r"bundle\.json"):
        Settings.from_environment({**ENVIRONMENT, "LAMBDA_TASK_ROOT": str(tmp_path)}).load_bundle()


WORKER = {**ENVIRONMENT, "AGENT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/runs"}
DOOR = {name: ENVIRONMENT[name] for name in list(ENVIRONMENT)[:5]} | {
    "AGENT_QUEUES": '{"b1": "https://queue"}'
}


def test_a_workers_surroundings_have_defaults_that_fit_each_other() -> None:
    settings = WorkerSettings.from_environment(WORKER)
    assert (settings.worker_concurrency, settings.max_receives, settings.tenant_share) == (4, 5, 1.0)
    assert (settings.visibility_seconds, settings.stop_seconds, settings.compact_every) == (90, 110, 0)
    given = {
        "AGENT_WORKER_CONCURRENCY": "40",
        "AGENT_VISIBILITY_SECONDS": "60",
        "AGENT_MAX_RECEIVES": "3",
        "AGENT_STOP_SECONDS": "30",
        "AGENT_TENANT_SHARE": "0.25",
        "AGENT_COMPACT_EVERY": "100",
    }
    settings = WorkerSettings.from_environment(WORKER | given)
    assert (settings.worker_concurrency, settings.max_receives, settings.tenant_share) == (40, 3, 0.25)
    assert (settings.visibility_seconds, settings.stop_seconds, settings.compact_every) == (60, 30, 100)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AGENT_QUEUE_URL", ""),
        ("AGENT_WORKER_CONCURRENCY", "0"),
        ("AGENT_WORKER_CONCURRENCY", "101"),
        ("AGENT_VISIBILITY_SECONDS", "0"),
        ("AGENT_MAX_RECEIVES", "0"),
        ("AGENT_STOP_SECONDS", "3701"),
        ("AGENT_TENANT_SHARE", "0"),
        ("AGENT_TENANT_SHARE", "1.01"),
        ("AGENT_COMPACT_EVERY", "-1"),
    ],
)
def test_a_worker_with_a_wrong_variable_does_not_start(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        WorkerSettings.from_environment({**WORKER, variable: value})


def test_a_doors_surroundings_name_the_queue_of_each_release() -> None:
    settings = DoorSettings.from_environment(DOOR)
    assert (settings.queues, settings.max_receives) == ({"b1": "https://queue"}, 5)
    for wrong in ("", "{}", "[]", "not json"):
        with pytest.raises(SettingsError, match="AGENT_QUEUES"):
            DoorSettings.from_environment({**DOOR, "AGENT_QUEUES": wrong})


SERVER = ENVIRONMENT | {
    "AGENT_QUEUE_URL": "https://sqs.example/runs",
    "AGENT_JWT_ISSUER": "https://login.example/",
    "AGENT_JWT_AUDIENCES": '["agents"]',
}


def test_a_server_takes_the_issuer_exactly_as_it_names_itself() -> None:
    settings = ServerSettings.from_environment(SERVER | {"AGENT_RELEASE_URL": "http://a-{bundle_id}.svc"})
    assert (settings.jwt_issuer, settings.jwt_audiences) == ("https://login.example/", {"agents"})
    assert (settings.port, settings.listen_address, settings.address) == (8080, "0.0.0.0", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AGENT_JWT_ISSUER", "http://login.example"),
        ("AGENT_JWT_ISSUER", ""),
        ("AGENT_JWT_AUDIENCES", "[]"),
        ("AGENT_JWT_AUDIENCES", "agents"),
        ("AGENT_RELEASE_URL", "http://agents.svc"),
        ("AGENT_RELEASE_URL", "a-{bundle_id}.svc"),
        ("AGENT_ADDRESS", "10.0.0.1:8080"),
        ("AGENT_PORT", "65536"),
        ("AGENT_TURN_CONCURRENCY", "0"),
    ],
)
def test_a_wrong_variable_of_a_server_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        ServerSettings.from_environment(SERVER | {variable: value})
