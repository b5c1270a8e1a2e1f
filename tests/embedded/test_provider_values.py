"""Between Pulumi's values and plain ones: nothing is lost, and equal things are seen to be equal."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

from embedded_aws.provider.values import (
    UNKNOWN,
    archive_bytes,
    asset_bytes,
    content_hash,
    has_unknown,
    plain,
    plain_map,
    same,
    secret_keys,
    wrap,
    wrap_map,
)

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@given(DOCUMENTS)
def test_a_wrapped_value_comes_out_as_it_went_in(value: Any) -> None:
    assert plain(wrap(value)) == value


@given(DOCUMENTS, DOCUMENTS)
def test_sameness_does_not_depend_on_the_side(left: Any, right: Any) -> None:
    assert same(left, left)
    assert same(left, right) == same(right, left)


def test_whole_numbers_come_out_whole_and_others_do_not() -> None:
    assert plain_map(
        {"a": PropertyValue(3.0), "b": PropertyValue(3.5), "__internal": PropertyValue("x")}
    ) == {
        "a": 3,
        "b": 3.5,
    }
    assert isinstance(plain(PropertyValue(3.0)), int)


@pytest.mark.parametrize("inner", [rpc.UNKNOWN, Computed()])
def test_both_of_pulumis_unknowns_are_unknown(inner: Any) -> None:
    assert plain(PropertyValue(inner)) is UNKNOWN
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": "known"}]})
    assert wrap(UNKNOWN).value == rpc.UNKNOWN


def test_a_property_is_secret_wherever_in_it_the_secret_lies() -> None:
    secret = PropertyValue("sk", is_secret=True)
    held = {
        "itself": secret,
        "within": PropertyValue({"variables": PropertyValue({"KEY": secret})}),
        "listed": PropertyValue([PropertyValue({"value": secret})]),
        "open": PropertyValue({"variables": PropertyValue("clear")}),
    }
    assert secret_keys(held) == {"itself", "within", "listed"}
    again = wrap_map(plain_map(held), secret_keys(held))
    assert {key for key, value in again.items() if value.is_secret} == {"itself", "within", "listed"}


def test_the_same_value_under_another_name_is_secret_too() -> None:
    tags = {"team": "sk"}
    wrapped = wrap_map(
        {"tags": tags, "tagsAll": dict(tags), "other": {}, "on": True}, frozenset({"tags", "on"})
    )
    assert {key for key, value in wrapped.items() if value.is_secret} == {"tags", "tagsAll", "on"}


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("[1]", "[ 1 ]", True),
        ("{not json", "{not json", True),
        ("{not json", "{nor this", False),
        ("{}", "[]", False),
        (None, "", True),
        ([], None, True),
        ({}, None, True),
        (0, None, False),
        (False, None, False),
        ({"a": None}, {}, True),
        ({"a": '{"x": 1}'}, {"a": '{ "x":1 }'}, True),
        ([1, 2], [2, 1], False),
        ([1], [1, 2], False),
        (1, 1.0, True),
    ],
)
def test_what_aws_would_not_tell_apart_is_the_same(left: Any, right: Any, equal: bool) -> None:
    assert same(left, right) is equal


FILES = {"app.py": "def handler(): ...", "prompts/one.txt": "Be brief."}


def test_an_archive_is_the_same_bytes_from_a_folder_and_from_assets(tmp_path: Path) -> None:
    for name, text in reversed(FILES.items()):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    folder = archive_bytes(pulumi.FileArchive(str(tmp_path)))
    assets = archive_bytes(pulumi.AssetArchive({n: pulumi.StringAsset(t) for n, t in FILES.items()}))
    mixed = archive_bytes(
        pulumi.AssetArchive({n: pulumi.FileAsset(str(tmp_path / n)) for n in reversed(FILES)})
    )
    assert folder == assets == mixed
    with zipfile.ZipFile(io.BytesIO(folder)) as archive:
        assert {n: archive.read(n).decode() for n in archive.namelist()} == FILES
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_zip_file_is_sent_as_it_is_and_hashed_so(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"PK as it is")
    archive = pulumi.FileArchive(str(tmp_path / "code.zip"))
    assert archive_bytes(archive) == b"PK as it is"
    assert content_hash(archive) == hashlib.sha256(b"PK as it is").hexdigest()
    assert content_hash(pulumi.StringAsset("text")) == hashlib.sha256(b"text").hexdigest()


@pytest.mark.parametrize("take", [asset_bytes, archive_bytes])
def test_what_lies_at_an_address_or_a_relative_path_is_refused(take: Any) -> None:
    with pytest.raises(ValueError, match="not from an address"):
        take(pulumi.RemoteAsset("https://example.com/x"))
    relative = pulumi.FileAsset("x.txt") if take is asset_bytes else pulumi.FileArchive("x.zip")
    with pytest.raises(ValueError, match="Give an absolute path"):
        take(relative)


def test_json_documents_within_documents_are_plain_text() -> None:
    text = json.dumps({"a": json.dumps({"b": 1})})
    assert plain(wrap(text)) == text
