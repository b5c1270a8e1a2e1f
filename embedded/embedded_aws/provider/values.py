"""Between Pulumi's property values and plain Python ones."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi.provider.experimental.property_value import Computed, PropertyValue, ResourceReference
from pulumi.runtime import rpc

Properties = dict[str, Any]


class Unknown:
    """A value that the engine learns only when the resource that makes it exists."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


def plain(value: PropertyValue) -> Any:
    inner = value.value
    if isinstance(inner, Computed) or inner == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(inner, ResourceReference):
        return plain(inner.resource_id) if inner.resource_id else inner.urn
    if isinstance(inner, Mapping):
        return {key: plain(item) for key, item in inner.items()}
    if isinstance(inner, tuple):
        return [plain(item) for item in inner]
    if isinstance(inner, float) and inner.is_integer():
        return int(inner)
    return inner


def plain_map(values: Mapping[str, PropertyValue]) -> Properties:
    return {key: plain(value) for key, value in values.items() if not key.startswith("__")}


def secret_keys(values: Mapping[str, PropertyValue]) -> frozenset[str]:
    """Top-level properties that hold a secret somewhere: their outputs must be secret as a whole."""
    return frozenset(key for key, value in values.items() if _holds_secret(value))


def _holds_secret(value: PropertyValue) -> bool:
    inner = value.value
    if value.is_secret:
        return True
    if isinstance(inner, Mapping):
        return any(_holds_secret(item) for item in inner.values())
    return isinstance(inner, tuple) and any(
        _holds_secret(item) for item in inner if isinstance(item, PropertyValue)
    )


def wrap(value: Any, *, secret: bool = False) -> PropertyValue:
    if isinstance(value, Unknown):
        return PropertyValue(rpc.UNKNOWN, is_secret=secret)  # the SDK cannot marshal its own Computed
    if isinstance(value, Mapping):
        return PropertyValue({key: wrap(item) for key, item in value.items()}, is_secret=secret)
    if isinstance(value, list | tuple):
        return PropertyValue([wrap(item) for item in value], is_secret=secret)
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value), is_secret=secret)
    return PropertyValue(value, is_secret=secret)


def wrap_map(values: Mapping[str, Any], secrets: frozenset[str] = frozenset()) -> dict[str, PropertyValue]:
    """With all secret that is in `secrets` or says the same under another name, as `tagsAll` does."""
    hidden = [v for key in secrets if isinstance(v := values.get(key), str | list | dict) and v]
    return {
        key: wrap(value, secret=key in secrets or value in hidden)
        for key, value in values.items()
        if value is not None
    }


def has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return isinstance(value, Unknown)


def same(left: Any, right: Any) -> bool:
    """Whether AWS would see no difference: JSON documents are compared as documents."""
    if isinstance(left, str) and isinstance(right, str) and left[:1] in "{[" and right[:1] in "{[":
        try:
            return bool(json.loads(left) == json.loads(right))
        except ValueError:
            return left == right
    if isinstance(left, pulumi.Archive | pulumi.Asset) and isinstance(right, pulumi.Archive | pulumi.Asset):
        return True  # the engine keeps no contents; `sourceCodeHash` and `sourceHash` tell them
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = set(left) | set(right)
        return all(same(left.get(key), right.get(key)) for key in keys)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if left in (None, [], {}, "") and right in (None, [], {}, ""):
        return True
    return bool(left == right)


def asset_bytes(asset: Any) -> bytes:
    if isinstance(asset, pulumi.FileAsset):
        return _absolute(asset.path).read_bytes()
    if isinstance(asset, pulumi.StringAsset):
        return asset.text.encode()
    raise ValueError("the embedded cloud reads assets from files and text, not from an address")


def _absolute(path: Any) -> Path:
    """The engine tells a provider that it attaches to nothing of the program's folder."""
    if not Path(path).is_absolute():
        raise ValueError(
            f"the embedded cloud cannot find {path}: it does not know the program's folder. "
            f"Give an absolute path, such as str(Path(__file__).parent / {str(path)!r})."
        )
    return Path(path)


def archive_bytes(archive: Any) -> bytes:
    """The zip that AWS would be sent: a zip file as it is, a folder or a set of assets packed without
    dates."""
    if isinstance(archive, pulumi.FileArchive):
        path = _absolute(archive.path)
        if path.is_file():
            return path.read_bytes()
        return _zip({str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()})
    if isinstance(archive, pulumi.AssetArchive):
        return _zip({name: asset_bytes(asset) for name, asset in archive.assets.items()})
    raise ValueError("the embedded cloud reads archives from files, folders and assets, not from an address")


def _zip(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return packed.getvalue()


def content_hash(held: Any) -> str:
    """SHA-256 of an archive or asset in hexadecimal."""
    content = archive_bytes(held) if isinstance(held, pulumi.Archive) else asset_bytes(held)
    return hashlib.sha256(content).hexdigest()
