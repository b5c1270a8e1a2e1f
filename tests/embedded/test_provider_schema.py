"""The schema of a type is kept in a file, and what the file holds is what the SDK says."""

import json
import subprocess
import sys
import typing
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.provider.schema import Schema, item_of, nested, schema_of, unwrap
from embedded_aws.toolchain.cache import cache_folder

# The SDK warns of some of its own modules when the first type of a service is looked at.
pytestmark = pytest.mark.filterwarnings(r"ignore:aws\.\w+/:DeprecationWarning")

QUEUE, FUNCTION, TEMPLATE = (
    "aws:sqs/queue:Queue",
    "aws:lambda/function:Function",
    "aws:ec2/launchTemplate:LaunchTemplate",
)
read = schema_of.__wrapped__
"""Without what this process knows already."""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def kept() -> list[Path]:
    return [path for path in cache_folder().rglob("*") if path.is_file()]


def plain(kind: Any) -> Any:
    """A type in a form that can be compared."""
    main = unwrap(kind)
    choices = typing.get_args(kind)[1:] if main is not kind else ()
    if properties := nested(main):
        return choices, {name: plain(held) for name, held in properties.items()}
    origin = typing.get_origin(main)
    return choices, origin or main, plain(item_of(main)) if origin else None


def compared(schema: Schema) -> list[Mapping[str, Any]]:
    return [{name: plain(kind) for name, kind in side.items()} for side in (schema.inputs, schema.outputs)]


@pytest.mark.parametrize("token", [QUEUE, FUNCTION, TEMPLATE])
def test_the_file_says_what_the_sdk_says(token: str) -> None:
    first = compared(read(token))
    (file,) = kept()
    before = file.read_bytes()
    assert compared(read(token)) == first
    assert file.read_bytes() == before


def test_a_type_whose_file_is_there_needs_no_class_of_the_sdk() -> None:
    read(QUEUE)
    program = (
        "import sys; from embedded_aws.provider.schema import schema_of;"
        f"schema_of({QUEUE!r}); print(any(name.startswith('pulumi_aws') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "torn",
    ["", '{"inputs": {', "[]", "{}", '{"inputs": 1, "outputs": 1, "objects": 1}']
    + [
        json.dumps({"inputs": {"name": held}, "outputs": {}, "objects": {}}) for held in ("none", 1, ["list"])
    ],
)
def test_a_file_that_cannot_be_read_is_written_anew(torn: str) -> None:
    expected = compared(read(QUEUE))
    (file,) = kept()
    whole = file.read_text()
    file.write_text(torn)
    assert compared(read(QUEUE)) == expected
    assert file.read_text() == whole


def test_of_many_who_write_at_once_each_reads_a_whole_file() -> None:
    expected = compared(read(QUEUE))
    (file,) = kept()
    file.unlink()
    with ThreadPoolExecutor(8) as pool:
        assert all(compared(found) == expected for found in pool.map(read, [QUEUE] * 32))
    assert kept() == [file], "nothing half-written is left"


def test_where_nothing_can_be_written_the_sdk_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("embedded_aws.provider.schema.NamedTemporaryFile", full)
    assert compared(read(QUEUE)) == compared(read(QUEUE))
    assert kept() == []


def test_a_type_that_the_sdk_lacks_leaves_no_file() -> None:
    with pytest.raises(LookupError, match="aws:sqs/none:None"):
        read("aws:sqs/none:None")
    assert kept() == []
