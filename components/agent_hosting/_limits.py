"""What an agent on any host may be asked for, and what one on Lambda may, checked before anything is made."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from agent_hosting._packaging import ARCHITECTURES_WAY_OUT, Architecture
from agent_hosting._validation import Inputs
from agent_hosting.front_door import check_jwt
from agent_hosting.hosting import LAMBDA_SECONDS, TURN_SECONDS


class Limits(NamedTuple):
    turn_seconds: int
    memory_mb: int
    concurrency: int
    retention_days: int
    log_days: int


def check_agent(name: str, args: Any, inputs: Inputs, known: Iterable[str]) -> int:
    """Checks the inputs that every host has; gives the days that logs are kept."""
    inputs.known(known)
    inputs.agent_name(name)
    inputs.lists("deployer_arns", "tenants", "tools")
    inputs.one_of("architecture", Architecture, ARCHITECTURES_WAY_OUT)
    inputs.required("monthly_budget_usd", "Say what the agent may cost in a month.")
    inputs.number(
        "monthly_budget_usd", 0, above=0, way_out="A budget of 0 stops nothing: leave the agent out instead."
    )
    inputs.emails("alert_emails")
    if args.get("jwt"):
        check_jwt(args["jwt"], inputs)
    return inputs.log_days("log_retention_days", 90)


def check_limits(name: str, args: Any, inputs: Inputs, known: Iterable[str]) -> Limits:
    """Checks what can be checked before anything is made."""
    log_days = check_agent(name, args, inputs, known)
    if args.get("jwt"):
        most, way_out = (
            TURN_SECONDS,
            "Behind an HTTP API a turn has 29 s. Longer runs fit host='ecs', or an agent without `jwt`.",
        )
    else:
        most, way_out = LAMBDA_SECONDS, "Lambda ends a run at 900 s. Longer runs fit host='ecs'."
    return Limits(
        int(inputs.number("turn_timeout_seconds", TURN_SECONDS, least=1, most=most, way_out=way_out)),
        int(inputs.number("memory_mb", 512, least=128, most=10_240, way_out="Lambda takes 128 to 10240 MB.")),
        int(
            inputs.number(
                "reserved_concurrency", 10, least=1, most=1000, way_out="Ask for a higher quota beyond that."
            )
        ),
        int(
            inputs.number(
                "checkpoint_retention_days", 30, least=1, most=365, way_out="Export older runs instead."
            )
        ),
        log_days,
    )
