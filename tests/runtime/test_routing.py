"""Where a turn of a session is served."""

from dataclasses import dataclass

import pytest

from agent_runtime.hosts.routing import Accept, Busy, Forward, Here, Serve, Where, route, to_release

HERE = Here("mine", "pod-1", "http://agent-{bundle_id}.svc")
NOW = 1000.0


@dataclass(frozen=True)
class Session:
    bundle_id: str = "mine"
    owner: str = "pod-2"
    address: str = "http://pod-2"
    lease_expires_at: int = 1_060_000


@pytest.mark.parametrize(
    ("found", "where"),
    [
        (None, Serve()),
        (Session(lease_expires_at=0), Serve()),
        (Session(lease_expires_at=1_000_000), Serve()),
        (Session(lease_expires_at=1_000_001), Forward("http://pod-2", Serve())),
        (Session(), Forward("http://pod-2", Serve())),
        (Session(address=""), Busy(5)),
        (Session(owner="pod-1"), Busy(5)),
        (Session(owner="pod-1", lease_expires_at=1_002_000), Busy(2)),
        (Session(owner="pod-1", lease_expires_at=1_000_001), Busy(1)),
        (Session("theirs"), Forward("http://agent-theirs.svc", Serve())),
        (Session("theirs", owner="pod-1"), Forward("http://agent-theirs.svc", Serve())),
        (Session("gone"), Serve()),
    ],
)
def test_a_session_is_served_where_it_is(found: Session | None, where: Where) -> None:
    assert route(found, HERE, NOW, frozenset({"gone"})) == where


def test_a_release_that_cannot_be_reached_leaves_what_else_there_is() -> None:
    assert route(Session("theirs"), Here("mine", "pod-1"), NOW) == Serve()
    assert to_release("theirs", Here("mine", "pod-1"), Accept("theirs")) == Accept("theirs")
