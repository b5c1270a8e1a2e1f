"""Reads and verifies the tokens of `aws eks get-token`: a presigned URL of STS GetCallerIdentity.

The name of the cluster is no part of the URL: it is a header that was signed, so that a token for one cluster
is none for another.
https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
_LONGEST = 8192
_LIFE = timedelta(minutes=15)
"""What EKS grants, whatever X-Amz-Expires says."""
_AHEAD = timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"


class NotAToken(Exception):
    """The text is no token of EKS, or one that no longer counts; it says why, without the token."""


@dataclass(frozen=True)
class Presigned:
    """What a token claims; `is_signed_for` says whether it is true."""

    access_key_id: str
    session_token: str | None = field(repr=False)
    host: str
    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    """Without the signature."""
    signed_headers: tuple[str, ...]
    scope: str
    stamp: str
    signature: str = field(repr=False)

    def is_signed_for(self, cluster: str, secret_access_key: str) -> bool:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
        headers = {"host": self.host, CLUSTER_HEADER: cluster}
        canonical = "\n".join(
            [
                "GET",
                "/",
                "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(self.parameters)),
                *(f"{name}:{headers[name]}" for name in self.signed_headers),
                "",
                ";".join(self.signed_headers),
                hashlib.sha256(b"").hexdigest(),
            ]
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", self.stamp, self.scope, hashed])
        key = f"AWS4{secret_access_key}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.new(key, text.encode(), "sha256").hexdigest(), self.signature)


def presigned(token: str, now: datetime) -> Presigned:
    """Raises `NotAToken`."""
    if not token.startswith(PREFIX) or len(token) > _LONGEST:
        raise NotAToken(f"it does not begin with {PREFIX}")
    encoded = token.removeprefix(PREFIX)
    try:
        url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
        given = parse_qs(url.query, strict_parsing=True)
    except (binascii.Error, ValueError) as error:
        raise NotAToken("it holds no presigned URL") from error
    if any(len(values) > 1 for values in given.values()):
        raise NotAToken("it gives a parameter twice")
    held = {name: values[0] for name, values in given.items()}
    if (held.get("Action"), url.path) != ("GetCallerIdentity", "/"):
        raise NotAToken("its URL is not one of GetCallerIdentity")
    signed = tuple(held.get("X-Amz-SignedHeaders", "").split(";"))
    if signed != ("host", CLUSTER_HEADER):
        raise NotAToken(f"it must sign the headers host and {CLUSTER_HEADER}, and no other")
    access_key_id, _, scope = held.get("X-Amz-Credential", "").partition("/")
    date, _, rest = scope.partition("/")
    stamp, signature = held.get("X-Amz-Date", ""), held.pop("X-Amz-Signature", "")
    if not rest.endswith("/sts/aws4_request") or not stamp.startswith(date):
        raise NotAToken("it is signed for another service than STS")
    _must_count(stamp, now)
    session_token = held.get("X-Amz-Security-Token")
    return Presigned(
        access_key_id, session_token, url.netloc, tuple(held.items()), signed, scope, stamp, signature
    )


def _must_count(stamp: str, now: datetime) -> None:
    try:
        made = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotAToken("it has no date") from error
    if not -_AHEAD <= now - made <= _LIFE:
        raise NotAToken(f"it counts from {stamp} for 15 minutes; make another with `aws eks get-token`")


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
