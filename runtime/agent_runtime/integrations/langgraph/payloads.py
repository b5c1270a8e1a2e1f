"""Values as bytes in binary attributes, or as pointers to S3 where an item has no room."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from agent_runtime.blobs import BlobStore

Attribute = dict[str, Any]


def dump(serde: SerializerProtocol, value: Any) -> bytes:
    """The serialiser's name of the type, a zero byte, and its bytes."""
    kind, data = serde.dumps_typed(value)
    return kind.encode() + b"\0" + data


def load(serde: SerializerProtocol, raw: bytes) -> Any:
    """The value of what `dump` gave."""
    kind, _, data = raw.partition(b"\0")
    return serde.loads_typed((kind.decode(), data))


def fingerprints(serde: SerializerProtocol, values: list[Any]) -> list[bytes]:
    """One for each element, so that a longer list is known to begin with a shorter one."""
    return [hashlib.blake2b(dump(serde, value), digest_size=12).digest() for value in values]


class Spill:
    """Bytes inline, or in S3 behind the pointer that `BlobStore` gives."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self.inline_bytes = blobs.inline_bytes

    def attributes(self, prefix: str, raws: Mapping[str, bytes], limit: int) -> dict[str, Attribute]:
        """An attribute for each, the largest in S3 below `prefix` until the others take `limit` bytes.

        Raises `CheckpointUnavailable`.
        """
        size = sum(map(len, raws.values()))
        attributes: dict[str, Attribute] = {}
        for name, raw in sorted(raws.items(), key=lambda item: len(item[1]), reverse=True):
            if size <= limit:
                attributes[name] = {"B": raw}
                continue
            size -= len(raw)
            text = json.dumps(base64.b64encode(raw).decode())
            attributes[name] = {"S": self._blobs.spill(prefix, text, limit=0)[1]}
        return attributes

    def raw(self, attribute: Attribute) -> bytes:
        """The bytes of an attribute. Raises `CheckpointBlobLost` and `CheckpointUnavailable`."""
        if "B" in attribute:
            return attribute["B"]
        return base64.b64decode(json.loads(self._blobs.load(None, attribute["S"]) or '""'))

    def renew(self, attribute: Attribute) -> None:
        """Write an object anew under its key: a bucket's expiry counts from the last write."""
        if "S" in attribute and (text := self._blobs.load(None, attribute["S"])) is not None:
            self._blobs.spill(json.loads(attribute["S"])["key"].rpartition("-")[0], text, limit=0)
