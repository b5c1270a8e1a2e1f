import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.http_apis.routes import choose

KEYS = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"]


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("GET", "/", "$default", {}),
    ],
)
def test_the_example_in_the_documentation(
    method: str, path: str, key: str, parameters: dict[str, str]
) -> None:
    match = choose(KEYS, method, path)
    assert match is not None
    assert (match.key, match.parameters) == (key, parameters)


@pytest.mark.parametrize(
    ("keys", "method", "path", "key"),
    [
        (["ANY /runs", "POST /runs"], "POST", "/runs", "POST /runs"),
        (["ANY /runs", "POST /runs"], "GET", "/runs", "ANY /runs"),
        (["GET /{a}/b", "GET /a/{b}"], "GET", "/a/b", "GET /a/{b}"),
        (["GET /{proxy+}", "ANY /runs/{id}"], "GET", "/runs/1", "ANY /runs/{id}"),
        (["GET /runs/{proxy+}", "GET /{proxy+}"], "GET", "/runs/1/events", "GET /runs/{proxy+}"),
        (["GET /"], "GET", "/", "GET /"),
    ],
)
def test_the_most_specific_route_wins(keys: list[str], method: str, path: str, key: str) -> None:
    for order in (keys, keys[::-1]):
        match = choose(order, method, path)
        assert match is not None
        assert match.key == key


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("GET /runs/{id}", "/runs"),
        ("GET /runs/{id}", "/runs/"),
        ("GET /runs/{id}", "/runs/1/events"),
        ("GET /runs/{proxy+}", "/runs"),
        ("GET /runs", "/runs/1"),
        ("GET /runs", "/Runs"),
        ("POST /runs", "/runs"),
    ],
)
def test_a_route_takes_no_other_path(key: str, path: str) -> None:
    assert choose([key], "GET", path) is None


@given(st.lists(st.text(st.characters(exclude_characters="/{}", codec="utf-8"), min_size=1), min_size=1))
def test_a_greedy_variable_holds_the_whole_rest(segments: list[str]) -> None:
    match = choose(["ANY /{proxy+}"], "GET", "/" + "/".join(segments))
    assert match is not None
    assert match.parameters == {"proxy": "/".join(segments)}
