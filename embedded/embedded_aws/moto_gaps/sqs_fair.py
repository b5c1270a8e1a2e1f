"""Fair queues: which messages of a standard queue come first while one tenant is noisy.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html:
a tenant, which is a MessageGroupId, is noisy with more than 10 % of all messages in flight and at least 30 of
its own. AWS also marks one that takes more than 10 % of the consumers' time: that measure is not emulated.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from moto.sqs.models import Message

NOISY_SHARE = 0.1
NOISY_IN_FLIGHT = 30


def fairly(ready: Sequence[Message], in_flight: Iterable[Message], count: int) -> list[Message]:
    """Up to `count` of `ready`, which is oldest first: its order stands until a tenant is noisy.

    From then on quiet tenants come before noisy ones, and of each those with the fewest in flight. Nothing is
    held back: where only noisy tenants wait, theirs are given. A message without a group is its own tenant.
    """
    groups = [message.group_id for message in in_flight]
    total, held = len(groups), Counter(group for group in groups if group is not None)
    waiting, chosen = list(ready), list[Message]()
    while waiting and len(chosen) < count:
        noisy = noisy_groups(held, total)
        message = waiting[0] if not noisy else min(waiting, key=lambda m: _rank(m, noisy, held))
        waiting.remove(message)
        chosen.append(message)
        total += 1
        if message.group_id is not None:
            held[message.group_id] += 1
    return chosen


def noisy_groups(held: Counter[str], total: int) -> set[str]:
    """`held` counts the messages in flight by group, `total` all of them."""
    return {
        group for group, count in held.items() if count >= NOISY_IN_FLIGHT and count > NOISY_SHARE * total
    }


def _rank(message: Message, noisy: set[str], held: Counter[str]) -> tuple[bool, int]:
    if message.group_id is None:
        return False, 0
    return message.group_id in noisy, held[message.group_id]
