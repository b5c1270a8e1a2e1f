import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.authorizer.patterns import like, literal, resource_like, string_like

TEXTS = st.text(alphabet="ab:/.", max_size=8)
PATTERNS = st.text(alphabet="ab:/.*?", max_size=8)


def slowly_like(pattern: str, text: str) -> bool:
    """The definition of a wildcard, as short as it can be said."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return slowly_like(pattern[1:], text) or (bool(text) and slowly_like(pattern, text[1:]))
    return bool(text) and pattern[0] in {"?", text[0]} and slowly_like(pattern[1:], text[1:])


@given(PATTERNS, TEXTS)
def test_wildcards_match_as_their_definition_says(pattern: str, text: str) -> None:
    assert like(pattern, text) == slowly_like(pattern, text)


@given(TEXTS)
def test_every_text_matches_itself_and_a_star(text: str) -> None:
    assert like(text, text)
    assert like("*", text)


@given(PATTERNS, TEXTS)
def test_a_pattern_from_the_request_is_taken_literally(value: str, text: str) -> None:
    assert string_like("${aws:PrincipalTag/x}", text, {"aws:principaltag/x": (value,)}) == (value == text)


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("*", "*", True),
        ("arn:aws:s3:::b/*", "*", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/k", False),
        ("arn:aws:sqs", "arn:aws:sqs:eu-west-1:1:q", True),
        ("arn:aws:*:table/t", "arn:aws:dynamodb:eu-west-1:1:table/t", False),
        ("arn:aws:logs:*:1:log-group:g:*", "arn:aws:logs:eu-west-1:1:log-group:g:log-stream:s", True),
        ("arn:aws:s3:::B", "arn:aws:s3:::b", False),
    ],
)
def test_a_wildcard_stays_within_its_field_of_an_arn(pattern: str, resource: str, matches: bool) -> None:
    assert resource_like(pattern, resource, {}) is matches


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("a-${aws:PrincipalTag/Team}", "a-red"),
        ("${AWS:principaltag/team}", "red"),
        ("${aws:PrincipalTag/none, 'blue'}", "blue"),
        ("${aws:PrincipalTag/team, 'blue'}", "red"),
        ("${aws:PrincipalTag/none}", None),
        ("${*}${?}${$}", "*?$"),
        ("plain", "plain"),
    ],
)
def test_a_variable_takes_its_value_from_the_request(value: str, filled: str | None) -> None:
    assert literal(value, {"aws:principaltag/team": ("red",)}) == filled


def test_the_old_policy_language_has_no_variables() -> None:
    context = {"aws:userid": ("u",)}
    assert not resource_like("arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/u", context, variables=False)
    assert resource_like("arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/u", context)


def test_a_variable_without_a_value_matches_nothing() -> None:
    assert not resource_like("arn:aws:s3:::b/${aws:PrincipalTag/x}*", "arn:aws:s3:::b/k", {})


def test_a_colon_in_a_value_does_not_shift_the_fields() -> None:
    pattern = "arn:aws:s3:::b/${aws:userid}"
    assert resource_like(pattern, "arn:aws:s3:::b/AROA:s", {"aws:userid": ("AROA:s",)})


def test_an_escaped_star_is_a_star() -> None:
    assert string_like("a${*}", "a*", {})
    assert not string_like("a${*}", "ab", {})
