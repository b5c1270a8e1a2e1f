"""Addresses that keys and prompts are sent to."""

from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


def private_url(value: str) -> str:
    """The URL, if nobody between here and there can read along.

    Raises `ValueError` for all but https, or http on this machine, and for one with a user name or password.
    """
    url = urlsplit(value)
    if url.username or url.password:
        raise ValueError("a URL without a user name and password; keys belong in a secret")
    if not url.hostname or not (
        url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    ):
        raise ValueError("an https URL, or http on this machine")
    return value
