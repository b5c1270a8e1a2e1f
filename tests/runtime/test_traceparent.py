import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.telemetry.traceparent import TraceParent, from_xray, of_run, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ids = st.builds(
    TraceParent,
    st.integers(1, 2**128 - 1).map(lambda n: f"{n:032x}"),
    st.integers(1, 2**64 - 1).map(lambda n: f"{n:016x}"),
)


@given(ids)
def test_a_context_is_read_as_it_was_written(parent: TraceParent) -> None:
    assert parse(parent.header()) == parent


@given(st.text(max_size=80))
def test_whatever_a_caller_sends_is_read_or_counts_as_absent(text: str) -> None:
    found = parse(text)
    assert found is None or (len(found.trace_id), len(found.span_id)) == (32, 16)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01-" + "x" * 200,
    ],
)
def test_what_the_w3c_calls_invalid_counts_as_absent(header: str | None) -> None:
    assert parse(header) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert parse(f"01-{TRACE}-{SPAN}-01-whatever") == TraceParent(TRACE, SPAN)


def test_a_run_begun_in_a_trace_of_lambda_goes_on_in_it() -> None:
    header = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1;Lineage=a:0"
    assert from_xray(header) == TraceParent(TRACE, SPAN)
    for broken in (header.replace("Sampled=1", "Sampled=0"), header.replace("Parent=", "P="), "", "Root"):
        assert from_xray(broken) is None


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_runs_own_span_is_the_same_wherever_it_is_asked_for_and_differs_between_lives(
    pk: str, birth: str
) -> None:
    found = of_run(pk, birth)
    assert found == of_run(pk, birth) == parse(found.header())
    assert found != of_run(pk, birth + "x")
