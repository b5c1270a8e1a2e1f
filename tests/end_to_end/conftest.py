"""A project of one's own for each test file."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.deployments import Deployment, checkout


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Copied, not deployed; whatever the tests started is stopped at the end."""
    made = Deployment(checkout(tmp_path_factory.mktemp("project")))
    yield made
    made.stop()
