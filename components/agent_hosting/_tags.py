"""Tags of what belongs to one release."""

from typing import Any

import pulumi


def of_release(tags: Any, bundle_id: str) -> pulumi.Output[dict[str, str]]:
    """`tags`, which may be absent or an output, and the release's own."""
    return pulumi.Output.from_input(tags or {}).apply(lambda known: {**known, "bundle": bundle_id})
