"""Texts that look like a secret, wherever a rule meets one: variables of functions, containers and pods.

Only shapes that nothing else has are taken for a secret by themselves; a variable whose name promises a
secret counts with whatever literal it holds, unless that is a reference to where the secret lies.
"""

import re

_SHAPES = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b")),
    (
        "a Slack token",
        re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}\b|hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    ),
    ("a GitLab token", re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_-]{20,}\b")),
    ("a package registry's token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgE[A-Za-z0-9_-]{50,}")),
    (
        "a model provider's key",
        re.compile(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}\b|\bhf_[A-Za-z0-9]{30,}\b"),
    ),
    ("a payment provider's key", re.compile(r"\b[sr]k_live_[A-Za-z0-9]{20,}\b")),
    ("a Google key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    (
        "a signed token",
        re.compile(r"\beyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10}"),
    ),
    ("a password in an address", re.compile(r"://[^\s/:@]+:[^\s/:@${]+@")),
    (
        "a password in a connection's text",
        re.compile(
            r"(?:^|[;\n])\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*[^;\s${]{8,}", re.IGNORECASE
        ),
    ),
)
_NAMES = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|(?:^|_)(?:PASS|PWD|SECRET|TOKEN|CREDENTIALS?"
    r"|(?:API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION)_?KEY))"
    r"(?:_(?:DEV|TEST|STAGING|PROD|OLD|NEW|\d+))?$",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERENCES = re.compile(
    r"^(?:arn:|\{\{resolve:|\$[{(]|ssm:|vault:|alias/|https?://|/[\w./-]*$)|^(?:true|false|\d+)?$",
    re.IGNORECASE,
)
_SHORTEST = 8
"""Letters. Shorter literals under such a name are switches and labels."""
_WORDS = re.compile(r"^[a-z]+(?:[-_/.][a-z]+)*$")
"""The name of a secret, as in `model-api-key`, is words; a secret has digits or capitals."""


def secret_in(name: str, value: str) -> str:
    """What kind of secret the variable `name` shows by its literal `value`; "" where it shows none."""
    for kind, shape in _SHAPES:
        if shape.search(value):
            return kind
    literal = len(value) >= _SHORTEST and not _REFERENCES.match(value) and not _WORDS.match(value)
    return "a secret, by its name" if literal and _NAMES.search(_HUMP.sub("_", name)) else ""
