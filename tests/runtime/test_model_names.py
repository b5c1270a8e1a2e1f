"""A model's name is taken if it means the same model tomorrow."""

import datetime
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.bundle import AgentManifest
from agent_runtime.model_names import EXAMPLES, is_pinned

BEDROCK = "arn:aws:bedrock:eu-west-1"


@pytest.mark.parametrize(
    "name",
    [
        *EXAMPLES,
        "gpt-4-0613",
        "gpt-4-1106-preview",
        "ft:gpt-4o-mini-2024-07-18:acme::BpxyZ1",
        "claude-3-5-sonnet-v2@20241022",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.nova-pro-v1:0",
        "amazon.titan-text-express-v1:0:8k",
        "openai.gpt-oss-120b-1:0",
        f"{BEDROCK}::foundation-model/amazon.nova-pro-v1:0",
        f"{BEDROCK}:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
        f"{BEDROCK}:123456789012:application-inference-profile/a1b2c3",
        f"{BEDROCK}:123456789012:provisioned-model/a1b2c3",
        "gemini-2.5-flash-preview-05-20",
        "command-r-08-2024",
        "embedded-v1",
        "my-model@4f2a9c1",
        "llama3@sha256:4f2a9c1",
    ],
)
def test_a_name_with_a_date_or_a_numbered_version_is_pinned(name: str) -> None:
    assert is_pinned(name)


@pytest.mark.parametrize(
    "name",
    [
        "latest",
        "$LATEST",
        "maker:latest",
        "mistral-large-latest",
        "gpt-4o-2024-08-06-latest",
        "gpt-4o",
        "gpt-4.1",
        "gpt-5",
        "o3",
        "claude-sonnet-4-5",
        "claude-3-5-sonnet",
        "claude-sonnet-4@default",
        "anthropic.claude-3-5-sonnet",
        "eu.anthropic.claude-sonnet-4-5",
        f"{BEDROCK}::foundation-model/anthropic.claude-3-5-sonnet",
        f"{BEDROCK}:123456789012:default-prompt-router/anthropic.claude:1",
        "gemini-2.0-flash",
        "mistral-large",
        "embedded-1",
        "llama3:8b",
        "my-model@main",
    ],
)
def test_an_alias_or_a_bare_family_is_not(name: str) -> None:
    assert not is_pinned(name)


FAMILY = st.from_regex(r"[a-z]{1,8}(-[0-9]\.[0-9])?(-[a-z]{1,8}){0,2}", fullmatch=True)
DATE = st.dates(datetime.date(2020, 1, 1), datetime.date(2039, 12, 31))


@given(FAMILY, DATE, st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%m%d", "%y%m", "%m-%Y"]))
def test_a_date_pins_any_family_that_moves_without_it(family: str, date: datetime.date, form: str) -> None:
    assert not is_pinned(family)
    assert is_pinned(f"{family}-{date.strftime(form)}")


@given(FAMILY, st.integers(0, 999), st.integers(0, 99))
def test_a_numbered_version_pins_any_family(family: str, version: int, revision: int) -> None:
    assert is_pinned(f"{family}-v{version}")
    assert is_pinned(f"{family}-v{version}:{revision}")
    assert is_pinned(f"{family}@{version}")


PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"


def test_the_page_tells_the_rule_as_it_is() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    names = [[re.findall(r"`([^`…]+)`", column) for column in row] for row in rows]
    refused, pinned = next(found for found in names if found[0][:1] == ["gpt-4o"])
    table = names[names.index([refused, pinned]) :][:6]
    for moving, fixed in table:
        assert moving
        assert not [name for name in moving if is_pinned(name)]
        assert [name for name in fixed if not is_pinned(name)] == []


def test_the_manifest_on_the_page_is_one() -> None:
    (snippet, *_) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert AgentManifest.model_validate(yaml.safe_load(snippet)).tools[1].read_only
