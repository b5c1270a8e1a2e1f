from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runtime.bundle import Bundle
from agent_runtime.errors import SettingsError
from agent_runtime.settings import Settings

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
