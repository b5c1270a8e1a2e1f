"""Which names of a model are pinned: those that will mean the same model tomorrow."""

import re
from typing import Final

EXAMPLES: Final = (
    "gpt-4o-2024-08-06",
    "claude-sonnet-4-5-20250929",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "gemini-2.0-flash-001",
    "mistral-large-2411",
)
_DATE = r"\d{4}-\d{2}-\d{2} | \d{2}-\d{4} | \d{2}-\d{2} | \d{8} | \d{6} | \d{4}"
_NUMBERED = re.compile(
    rf"""
    (
        -({_DATE} | \d{{3}}) (-preview)? (-v\d+)?   # a date as its provider writes it, or Google's revision
        | -v\d+ (\.\d+)*                            # a version
    )
    (:\d+ (:\d+k)?)? $                              # Bedrock's revision, and its size of context
    | -\d+:\d+ $                                    # Bedrock again: openai.gpt-oss-120b-1:0
    | @ (?=[\w.:-]*\d) [\w.:-]+ $                   # a revision or digest; a word such as `default` moves
    """,
    re.VERBOSE | re.ASCII,
)
_FINE_TUNED = re.compile(r"ft:[^:]+:[^:]*:[^:]*:\w+")
"""A fine-tuned model of OpenAI's: the last part is the id of what was trained, once."""
_ARN = re.compile(r"arn:aws[\w-]*:bedrock:[\w-]*:\d*:(?P<kind>[\w-]+)/(?P<name>.+)")
_OWN_KINDS: Final = {
    "application-inference-profile",
    "custom-model-deployment",
    "imported-model",
    "provisioned-model",
}
"""Resources of the account: their ids are given once, and name the version that was chosen for them."""


def is_pinned(name: str) -> bool:
    """Whether it ends with a date or a numbered version, as its provider writes it: `gpt-4o` moves,
    `gpt-4o-2024-08-06` does not."""
    if (arn := _ARN.fullmatch(name)) is not None:
        return arn["kind"] in _OWN_KINDS or is_pinned(arn["name"])
    return bool(_NUMBERED.search(name) or _FINE_TUNED.fullmatch(name))
