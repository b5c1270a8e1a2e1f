"""What is taken for a secret, and what is not."""

import pytest

from policies.framework.secret_texts import secret_in

SHOWN = [
    ("ANY", "AKIAIOSFODNN7EXAMPLE"),
    ("ANY", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
    ("ANY", "ghp_" + "a1" * 18),
    ("ANY", "xoxb-123456789012-abcdefghij"),
    ("ANY", "sk-ant-" + "a1" * 12),
    ("ANY", "postgres://agent:hunter2@db:5432/x"),
    ("DB_PASSWORD", "hunter2hunter2"),
    ("openai_api_key", "0123456789abcdef"),
    ("TOKEN", "A-Long-Literal-1"),
]
HARMLESS = [
    ("MODEL_API_KEY", "arn:aws:secretsmanager:eu-west-1:1:secret:model-api-key-AbCdEf"),
    ("API_KEY_SECRET", "model-api-key"),
    ("MAX_TOKEN", "4000"),
    ("DB_PASSWORD", ""),
    ("DB_PASSWORD", "${db_password}"),
    ("MAX_TOKENS", "A-Long-Literal-1"),
    ("URL", "https://api.example.com/v1"),
    ("TOKEN_URL", "https://login.example.com/oauth2"),
]


@pytest.mark.parametrize(("name", "value"), SHOWN)
def test_a_secret_is_seen_by_its_shape_or_its_name(name: str, value: str) -> None:
    assert secret_in(name, value)


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_a_reference_to_a_secret_is_none(name: str, value: str) -> None:
    assert not secret_in(name, value)
