"""Addresses of HTTP APIs, as programs of the embedded cloud are told them."""

import pytest

from embedded_aws.addresses import reachable

HERE = "http://127.0.0.1:5001"
AWS = "https://a1b2c3d4.execute-api.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (AWS, f"{HERE}/a1b2c3d4"),
        (f"{AWS}/stage/runs", f"{HERE}/a1b2c3d4/stage/runs"),
        (
            f'{{"one": "{AWS}", "two": "{AWS}/x"}}',
            f'{{"one": "{HERE}/a1b2c3d4", "two": "{HERE}/a1b2c3d4/x"}}',
        ),
        (f"{AWS}.evil.example", f"{AWS}.evil.example"),
        (f"{AWS}cn", f"{AWS}cn"),
        ("https://sqs.eu-west-1.amazonaws.com/1/queue", "https://sqs.eu-west-1.amazonaws.com/1/queue"),
    ],
)
def test_a_variable_names_an_api_where_it_answers(declared: str, told: str) -> None:
    assert reachable({"URL": declared}, HERE) == {"URL": told}


def test_variables_stay_as_they_are_where_no_apis_are_served() -> None:
    assert reachable({"URL": AWS}, "") == {"URL": AWS}
