"""What is left out of a conversation that is too long, and how the size of one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import ContextExceeded
from agent_runtime.models.context import TOKENS_PER_MESSAGE, Trimmed, tokens_of, trim
from agent_runtime.models.messages import Message


def talk(sizes: list[int]) -> list[Message]:
    """Turns of so many letters, a user's first and last."""
    return [{"role": "assistant" if n % 2 else "user", "content": "x" * size} for n, size in enumerate(sizes)]


talks = st.lists(st.integers(0, 300), min_size=1, max_size=31).map(lambda s: talk(s if len(s) % 2 else s[1:]))


@given(messages=talks, most=st.integers(1, 2000), system=st.text(max_size=60), stride=st.sampled_from([1, 8]))
def test_what_is_kept_fits_ends_as_it_did_and_begins_with_a_user(
    messages: list[Message], most: int, system: str, stride: int
) -> None:
    try:
        found = trim(system, messages, most, stride=stride)
    except ContextExceeded:
        assert tokens_of(system, messages[-1:]) > most
        return
    assert tokens_of(system, found.messages) <= most
    assert found.messages == tuple(messages[found.dropped_messages :])
    assert found.messages[0]["role"] == "user"
    assert (found.dropped_messages == 0) == (found.dropped_tokens == 0)
    if found.dropped_messages and stride == 1:
        earlier = messages[max(0, found.dropped_messages - 2) :]
        assert tokens_of(system, earlier) > most, "no more is left out than must be"


def test_nothing_is_left_out_without_a_bound() -> None:
    messages = talk([10_000] * 5)
    assert trim("", messages, None) == Trimmed(tuple(messages))


def test_a_cached_beginning_stays_the_same_for_some_turns() -> None:
    begins = set[int]()
    for turns in range(41, 49, 2):
        begins.add(trim("be brief", talk([30] * turns), 18 * 36, stride=8).dropped_messages)
    assert begins == {8, 16}
    each = {trim("be brief", talk([30] * n), 18 * 36).dropped_messages for n in range(41, 49, 2)}
    assert len(each) == 4


def test_a_call_whose_last_message_does_not_fit_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ContextExceeded, match="about 116 tokens, and 50 are allowed: give the call less"):
        trim("", talk([5, 5, 300]), 50)


def test_sizes_are_rather_too_large_in_every_script() -> None:
    assert tokens_of("abc", []) == 1 + TOKENS_PER_MESSAGE
    assert tokens_of("", [{"role": "user", "content": "数据中心" * 10}]) == 40 + 2 * TOKENS_PER_MESSAGE
    assert tokens_of("\ud800", []) >= 1, "half a letter is no error"
