"""Keys that the account made, beside those that AWS keeps for it.

An AWS managed key is named by an alias that begins with `aws/`; nobody can change who may use it:
https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html
"""

from ..framework.values import View


def has_own_key(view: View, key: str) -> bool:
    """Whether the property names a customer managed key. None is AWS's own, in all services judged here."""
    named = view.text(key)
    return bool(named) and "alias/aws/" not in named
