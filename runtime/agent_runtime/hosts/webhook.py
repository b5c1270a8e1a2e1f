"""The function that passes notices and alerts on to a chat, as Slack's incoming webhooks take them.

Imports nothing but the standard library until it talks to AWS, as the brake does. The address is a secret: it
is in no message and no error.
"""

import http.client
import json
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from agent_runtime.addresses import private_url

_log = logging.getLogger("agent_runtime.hosts.webhook")
TRIES: Final = 3
SECONDS: Final = 4.0
"""For each try: with its pauses all of them fit the function's time."""
LONGEST_PAUSE_SECONDS: Final = 5.0
CACHE_SECONDS: Final = 300.0
MOST_CHARACTERS: Final = 3000
"""https://docs.slack.dev/reference/block-kit/blocks/section-block"""
_MOVED: Final = frozenset({401, 403, 404, 410})
"""What an address answers that was taken back: a new one may be in the secret already."""


class WebhookFailed(Exception):
    """The message was not taken. Says the status alone."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the webhook answered {status or 'nothing'}")
        self.status = status


class Webhook:
    """Posts to the address that `read` gives. `clock` is monotonic, in seconds; `jitter` gives 0 to 1."""

    def __init__(
        self,
        read: Callable[[], str],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._read, self._clock, self._sleep, self._jitter = read, clock, sleep, jitter
        self._known: tuple[float, str] | None = None

    def post(self, text: str) -> None:
        """Post a message, within a few tries. Raises `WebhookFailed`, and `ValueError` for an address that is
        not https."""
        body = json.dumps({"text": text}).encode()
        try:
            self._tried(self._address(), body)
        except WebhookFailed as error:
            if error.status not in _MOVED:
                raise
            self._known = None
            self._tried(self._address(), body)

    def _tried(self, address: str, body: bytes) -> None:
        for number in range(1, TRIES + 1):
            status, retry_after = _send(address, body)
            if 200 <= status < 300:
                return
            passes = status in (0, 408, 429) or status >= 500
            if not passes or number == TRIES:
                raise WebhookFailed(status)
            self._sleep(max(_seconds(retry_after), self._jitter() * 2 ** (number - 1)))

    def _address(self) -> str:
        if self._known is None or self._clock() - self._known[0] >= CACHE_SECONDS:
            self._known = (self._clock(), checked(self._read()))
        return self._known[1]


def checked(address: str) -> str:
    """The address. Raises `ValueError` unless it is https, or http on this machine."""
    try:
        return private_url(address.strip())
    except ValueError:
        raise ValueError("the webhook's address is not https: put one into its secret") from None


def text_of(message: Mapping[str, Any]) -> str:
    """What people read of an SNS message: a notice as it is, an alarm or an alert of the ledger in a line.
    Empty for what is no news."""
    subject, body = str(message.get("Subject") or ""), str(message.get("Message") or "")
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict) and "NewStateValue" in told:
        if (told.get("OldStateValue"), told["NewStateValue"]) == ("INSUFFICIENT_DATA", "OK"):
            return ""  # each alarm says so once it is made: a deployment would fill the chat
        reason = told.get("AlarmDescription") or told.get("NewStateReason") or ""
        body = f"{told.get('AlarmName', 'an alarm')} is {told['NewStateValue']}: {reason}"
    elif isinstance(told, dict) and "ledger" in told:
        body = str(told.get("text") or subject)
    elif subject and not body.startswith(subject.split(":")[0]):
        body = f"{subject}\n{body}"
    # What these begin would be a link, or call everybody: https://docs.slack.dev/messaging/formatting-message-text
    safe = body.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe[:MOST_CHARACTERS]


def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Lambda handler, subscribed to topics. Environment: AGENT_WEBHOOK_SECRET, the ARN of the address.
    Returns `{"posted": n}`; raises what `Webhook.post` raises, so that Lambda tries again and the alarm
    speaks."""
    global _webhook
    if _webhook is None:
        _webhook = Webhook(_read)
    posted = 0
    for record in event["Records"]:
        if text := text_of(record["Sns"]):
            _webhook.post(text)
            posted += 1
    return {"posted": posted}


_webhook: Webhook | None = None


def _read() -> str:
    import boto3

    client: Any = boto3.client("secretsmanager")
    found = client.get_secret_value(SecretId=os.environ["AGENT_WEBHOOK_SECRET"], VersionStage="AWSCURRENT")
    return str(found["SecretString"])


def _send(address: str, body: bytes) -> tuple[int, str | None]:
    """Status and Retry-After; status 0 without an answer. Redirects are not followed: they lead elsewhere."""
    url = urlsplit(address)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(url.hostname), url.port, timeout=SECONDS)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read(1024)
        return answer.status, answer.headers.get("Retry-After")
    except (OSError, http.client.HTTPException) as error:
        _log.warning("webhook not reached", extra={"reason": type(error).__name__})
        return 0, None
    finally:
        connection.close()


def _seconds(retry_after: str | None) -> float:
    """Of the header's number; a date is not worth waiting for here."""
    try:
        return min(LONGEST_PAUSE_SECONDS, max(0.0, float(retry_after or 0)))
    except ValueError:
        return 0.0
