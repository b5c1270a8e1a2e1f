"""`agent-hosting spend`: the picture, and the prices that it counts at."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting_cli.project import UserError
from agent_hosting_cli.spend_commands import By, spend
from agent_hosting_cli.spend_picture import spend_picture
from agent_hosting_cli.spend_prices import prices_of, show_prices
from agent_runtime.spend.reading import Spent

PRICE = {"input_usd_per_million_tokens": 1.0, "output_usd_per_million_tokens": 10.0}
LINES = st.lists(
    st.builds(
        Spent,
        st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=30),
        st.floats(0, 1e6),
        st.just(0),
        st.just(0),
        st.just(0),
    ),
    max_size=400,
)


@given(LINES)
def test_the_picture_has_a_bar_for_each_line_and_is_xml_whatever_the_names(lines: list[Spent]) -> None:
    root = ElementTree.fromstring(spend_picture("agent <x>", lines))
    bars = [one for one in root if one.tag.endswith("rect")][1:]
    assert len(bars) == len(lines)
    heights = [float(bar.attrib["height"]) for bar in bars]
    assert all(0 <= height <= 200 for height in heights)
    if lines and max(line.usd for line in lines) > 0:
        assert max(heights) == heights[max(range(len(lines)), key=lambda n: lines[n].usd)]


def test_another_format_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UserError, match=r"name it spend\.svg"):
        spend("handbook", By.DAY, 7, None, "local", plot=Path("spend.png"))


def test_each_model_of_a_bundle_is_named_once_with_its_prices() -> None:
    model = {"name": "small", "max_output_tokens": 9, **PRICE}
    tiers = {"fast": model, "best": {**model, "name": "large"}}
    here = {"large": {"input_usd_per_million_tokens": 0.5, "output_usd_per_million_tokens": 5.0}}
    found = prices_of({"model": model, "models": tiers}, here)
    assert found == [
        {"model": "small", **PRICE, "by": "bundle"},
        {"model": "large", **here["large"], "by": "stack"},
    ]


def test_the_prices_of_the_deployed_bundle_are_told_with_their_day(capsys: Any) -> None:
    document = json.dumps({"model": {"name": "small", **PRICE}})
    item = {"document": {"S": document}, "at": {"N": str(1_800_000_000_000)}}
    asked: list[Any] = []

    def get_item(**request: Any) -> dict[str, Any]:
        asked.append(request["Key"])
        return {"Item": item}

    found: Any = SimpleNamespace(
        agent="handbook",
        outputs={"bundle_id": "aaaaaaaaaaaa"},
        control_table="control",
        client=lambda _: SimpleNamespace(get_item=get_item),
    )
    show_prices(found, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["frozen_at"], told["prices"]) == (
        "2027-01-15",
        [{"model": "small", **PRICE, "by": "bundle"}],
    )
    assert told["looked_up_in"].startswith("genai-prices ")
    del item["document"]
    with pytest.raises(UserError, match="not kept"):
        show_prices(found, as_json=True)
