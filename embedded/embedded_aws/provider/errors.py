"""What AWS's errors mean to the provider."""

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

_GONE = re.compile(r"NotFound|NoSuch|NonExistent|DoesNotExist|^404$")
_GONE_IN_WORDS = re.compile(r"No (scalable target|scaling policy|scheduled action) found")
"""moto says so with the code of another error."""


def is_gone(error: ClientError) -> bool:
    said = _said(error)
    return bool(_GONE.search(said["Code"]) or _GONE_IN_WORDS.match(said["Message"]))


def explain(error: ClientError) -> str:
    said = _said(error)
    return f"{error.operation_name}: {said['Code']}: {said['Message']}"


def _said(error: ClientError) -> Mapping[str, str]:
    said: Any = error.response.get("Error", {})
    return {"Code": str(said.get("Code", "")), "Message": str(said.get("Message", ""))}
