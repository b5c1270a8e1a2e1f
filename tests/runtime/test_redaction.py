import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_runtime.telemetry.redaction import CUT, MOST_LETTERS, Redactor, pattern_fault
from agent_runtime.telemetry.spec import ObserveSpec

SECRETS = {
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "jwt": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "bearer": "Bearer abcdefghijklmnop1234",
    "aws-key": "AKIAIOSFODNN7EXAMPLE",
    "api-key": "sk-proj-0123456789abcdefXYZ",
    "github-token": "ghp_" + "a1B2" * 9,
    "slack-token": "xoxb-1234567890-abcdef",
    "slack-webhook": "https://hooks.slack.com/services/T0/B0/secret",
    "email": "ada.lovelace+runs@mail.example.com",
}


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items(), ids=list(SECRETS))
@given(before=st.text("abc .,:/\n", max_size=20), after=st.sampled_from(["", " ", ", then", '"', "\n", ")"]))
def test_keys_tokens_and_addresses_are_taken_out_wherever_they_stand(
    kind: str, secret: str, before: str, after: str
) -> None:
    shown = Redactor().text(f"{before} {secret}{after}")
    assert secret not in shown
    assert f"[redacted:{kind}]" in shown


def test_the_password_in_an_address_goes_and_the_rest_stays() -> None:
    assert (
        Redactor().text("postgres://app:hunter2@db.internal/x")
        == "postgres://[redacted:url-password]@db.internal/x"
    )


@given(st.text(max_size=200))
def test_what_was_redacted_is_not_redacted_again(text: str) -> None:
    redactor = Redactor(["[0-9]{16}"])
    once = redactor.text(text)
    assert redactor.text(once) == once


def test_ordinary_lines_stay_as_they_are() -> None:
    lines = [
        "run done in 12 steps",
        "bundle 0a1b2c3d4e5f at epoch 3",
        "see https://docs.example.com/a?b=c",
        "a@b",
    ]
    assert [Redactor().text(line) for line in lines] == lines


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.just("card 4111111111111111"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_no_text_inside_a_value_escapes(value: object) -> None:
    shown = Redactor(["[0-9]{16}"]).value(value)
    assert "4111111111111111" not in json.dumps(shown)


def test_a_text_without_end_is_cut_before_it_is_searched() -> None:
    shown = Redactor().text("a" * (MOST_LETTERS + 5) + " ada@example.com")
    assert shown == "a" * MOST_LETTERS + CUT


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("", "1 to 500 letters"),
        ("x" * 501, "1 to 500 letters"),
        ("(", "no regular expression"),
        ("a*", "the empty text"),
        ("(a+)+b", "several ways"),
        (r"(\w\w?)+!", "several ways"),
        ("(?:ab|a|b)+!", "several ways"),
        ("(?:a{1,3}){2,}!", "several ways"),
        ("(?:x(a|b*c)y){2,}", "several ways"),
        ("(?P<a>(a{1,5000}){1,})!", "several ways"),
        (r"\d+-secret", "ends the pattern"),
        (r"\d++-secret", "ends the pattern"),
        (r"acct_\w*[0-9]", "ends the pattern"),
        (r"(?:acct_\w+|x)!", "ends the pattern"),
        (r"acct_(?=\w+)", "ends the pattern"),
        (r"(?:a{1,}){2}", "ends the pattern"),
    ],
)
def test_a_pattern_that_would_hurt_is_refused_with_its_reason(pattern: str, fault: str) -> None:
    assert fault in (pattern_fault(pattern) or "")
    with pytest.raises(ValidationError, match="redact"):
        ObserveSpec(redact=(pattern,))


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]{16}",
        r"(?:DE|AT)\d{2}(?: ?\d{4}){4,5}",
        r"acct_\w+",
        r"x(?:\d{4}|y[a-z]*)",
        r"(\d{1,20})-secret",
    ],
)
def test_patterns_of_bounded_effort_are_taken(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    "endpoint",
    ["http://collector.example.com/v1/traces", "ftp://a", "collector:4318", "https://u:p@a.example.com"],
)
def test_spans_do_not_leave_for_an_address_that_others_can_read(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="endpoint"):
        ObserveSpec.model_validate({"traces": {"endpoint": endpoint}})
