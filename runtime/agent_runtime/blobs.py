"""Results too large for an item: kept in S3 under their own hash, and checked on the way back."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.errors import CheckpointBlobLost, CheckpointUnavailable

INLINE_BYTES: Final = 350 * 1024
"""Largest result kept in an item. DynamoDB takes 400 KB an item; the rest is room for the other
attributes.
"""
# Without s3:ListBucket, which an agent does not get, S3 answers 403 for a key that does not exist.
_ABSENT: Final = {"NoSuchKey", "404", "AccessDenied", "403"}


@dataclass(frozen=True)
class Blob:
    """A text that lies in S3."""

    key: str
    sha256: str
    bytes: int

    def pointer(self) -> str:
        """What stands in an item in the text's place."""
        return json.dumps(asdict(self))


class BlobClient(Protocol):
    """The two calls of boto3's S3 client that are used."""

    def put_object(self, **request: Any) -> Any: ...
    def get_object(self, **request: Any) -> Any: ...


class BlobStore:
    """JSON texts in one bucket, each behind a pointer that goes into the item."""

    def __init__(self, client: BlobClient, bucket: str, inline_bytes: int = INLINE_BYTES) -> None:
        self._client = client
        self._bucket = bucket
        self.inline_bytes = inline_bytes

    def spill(self, prefix: str, text: str, limit: int | None = None) -> tuple[str | None, str | None]:
        """`(text, None)` if `text` is small, else `(None, pointer)` once it lies in S3 below `prefix`.

        The key ends in the hash: a worker that has lost its lease can never overwrite the winner's blob.
        Raises `CheckpointUnavailable`.
        """
        body = text.encode()
        if len(body) <= (self.inline_bytes if limit is None else limit):
            return text, None
        digest = hashlib.sha256(body).hexdigest()
        key = f"{prefix}-{digest[:16]}.json"
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        except (ClientError, BotoCoreError) as error:
            raise CheckpointUnavailable(f"{key} could not be written to {self._bucket}") from error
        return None, Blob(key, digest, len(body)).pointer()

    def load(self, text: str | None, pointer: str | None) -> str | None:
        """The text behind what `spill` gave. Raises `CheckpointBlobLost` if it is missing or altered."""
        if pointer is None:
            return text
        blob = json.loads(pointer)
        key: str = blob["key"]
        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise CheckpointBlobLost(f"{key} is not in {self._bucket}, or may not be read") from error
            raise CheckpointUnavailable(f"{key} could not be read from {self._bucket}") from error
        except BotoCoreError as error:
            raise CheckpointUnavailable(f"{key} could not be read from {self._bucket}") from error
        if hashlib.sha256(body).hexdigest() != blob["sha256"]:
            raise CheckpointBlobLost(f"{key} in {self._bucket} is not what was written: its SHA-256 differs")
        return body.decode()
