"""What looks for secrets in tests finds them, however they were written."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secret_scanner import places_of

values = st.text(st.characters(codec="utf-8"), min_size=6, max_size=30)
beside = st.binary(max_size=8)


@given(value=values, before=beside, after=beside)
def test_a_value_is_found_in_every_form_wherever_it_stands(value: str, before: bytes, after: bytes) -> None:
    raw = value.encode()
    written = {
        "plain": before + raw + after,
        "json": before + json.dumps({"key": value}).encode() + after,
        "url": before + quote(value, safe="").encode() + after,
        "hexadecimal": (before + raw + after).hex().encode(),
        "base64": base64.b64encode(before + raw + after),
        "base64 for URLs": base64.urlsafe_b64encode(before + raw + after),
    }
    assert places_of(value, written.items()) == list(written)


def test_what_is_not_the_value_is_not_found() -> None:
    assert places_of("sk-do-not-show", [("log", b"sk-do-not-tell"), ("empty", b"")]) == []


def test_a_value_that_is_found_everywhere_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="6 letters"):
        places_of("abc", [])
