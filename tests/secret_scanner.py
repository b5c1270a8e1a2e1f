"""Finds a secret's value in whatever was written down, also where it was encoded on the way."""

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

_LEAST_LETTERS = 6
"""Shorter values lie everywhere by chance."""


def forms(value: str) -> frozenset[bytes]:
    """How the value looks plain, in JSON, in a URL, in hexadecimal digits and inside of base64."""
    if len(value) < _LEAST_LETTERS:
        raise ValueError(
            f"a secret to look for needs {_LEAST_LETTERS} letters: shorter ones are found by chance"
        )
    raw = value.encode()
    plain = {raw, json.dumps(value)[1:-1].encode(), quote(value, safe="").encode()}
    return frozenset(plain | {raw.hex().encode(), raw.hex().upper().encode()} | set(_in_base64(raw)))


def places_of(value: str, written: Iterable[tuple[str, bytes]]) -> list[str]:
    """Names of those of `written`, (name, content), that hold the value in any form."""
    wanted = forms(value)
    return [name for name, content in written if any(form in content for form in wanted)]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


def logs(client: Any) -> Iterator[tuple[str, bytes]]:
    """Every line of every log group, by CloudWatch's client."""
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            events = client.get_paginator("filter_log_events").paginate(logGroupName=name)
            lines = [event["message"] for found in events for event in found["events"]]
            yield f"log group {name}", "\n".join(lines).encode()


def items(client: Any) -> Iterator[tuple[str, bytes]]:
    """Every item of every table, by DynamoDB's client."""
    for page in client.get_paginator("list_tables").paginate():
        for table in page["TableNames"]:
            found = client.get_paginator("scan").paginate(TableName=table)
            yield f"table {table}", repr([one["Items"] for one in found]).encode()


def objects(client: Any) -> Iterator[tuple[str, bytes]]:
    """Every object of every bucket, by S3's client."""
    for bucket in client.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for held in page.get("Contents", []):
                body = client.get_object(Bucket=name, Key=held["Key"])["Body"].read()
                yield f"s3://{name}/{held['Key']}", body


def messages(client: Any, queue_urls: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Up to ten messages of each queue, left where they are, by SQS's client."""
    for url in queue_urls:
        reply = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
        )
        yield f"queue {url}", repr(reply.get("Messages", [])).encode()


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """The letters that do not depend on what stands before and after, for each of the three places at which
    the value may begin."""
    for before in range(3):
        for encoded in (
            base64.b64encode(b"\0" * before + raw),
            base64.urlsafe_b64encode(b"\0" * before + raw),
        ):
            whole = encoded.rstrip(b"=")
            yield whole[(0, 2, 3)[before] : len(whole) - 1]
