"""Fixtures of the tests that deploy with the real Pulumi."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from tests.embedded.provider_world import RunningCloud, Stack, running_cloud

NewStack = Callable[[str], Stack]


@pytest.fixture(scope="package")
def provider_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    """One embedded cloud for the tests of this folder in a worker: their names and ids differ."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture(scope="package")
def new_stack(provider_cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> NewStack:
    """Makes an empty stack with this program."""
    root, tools, numbers = tmp_path_factory.mktemp("stacks"), pulumi_folder(print), itertools.count()

    def make(program: str) -> Stack:
        return Stack(root / f"stack-{next(numbers)}", tools, provider_cloud).create().program(program)

    return make
