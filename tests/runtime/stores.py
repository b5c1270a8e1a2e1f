"""What answers as DynamoDB in tests: moto, and AWS's own DynamoDB Local where it can be had."""

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any

import boto3
import pytest

from embedded_aws.toolchain.dynamodb_local import dynamodb_local, running


@pytest.fixture(scope="session", name="dynamodb_local")
def dynamodb_local_fixture() -> Iterator[Any]:
    """A client of a server that lives as long as this process' tests. moto lets its calls pass, since the
    address is none of AWS's."""
    said: list[str] = []
    folder = dynamodb_local(said.append)
    if folder is None:
        pytest.skip(f"DynamoDB Local is {said[-1]}")
    with running(folder) as url, closing(_client(url)) as client:
        yield client


@pytest.fixture(params=["moto", "dynamodb-local"], name="dynamodb")
def dynamodb_fixture(request: pytest.FixtureRequest) -> Any:
    """A client of each store in turn; moto answers within `mock_aws`."""
    return _moto_client() if request.param == "moto" else request.getfixturevalue("dynamodb_local")


def emptied(client: Any) -> Any:
    """`client` when its store has no table any more, as moto's has not at the start of `mock_aws`."""
    for table in client.list_tables()["TableNames"]:
        client.delete_table(TableName=table)
    return client


@cache
def _moto_client() -> Any:
    return _client(None)


def _client(url: str | None) -> Any:
    return boto3.session.Session("testing", "testing", region_name="us-east-1").client(
        "dynamodb", endpoint_url=url
    )
