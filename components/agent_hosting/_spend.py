"""What an agent may spend in an environment: the ledger's caps, and the rights that keeping it takes."""

import json
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
from pydantic import ValidationError

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._validation import AGENT_NAME, Inputs
from agent_hosting.agent_budget import AgentBudget
from agent_hosting.checkpoint_table import DUE_INDEX, CheckpointTable
from agent_hosting.statements import Statement
from agent_runtime.spend.caps import SpendCaps, WindowCaps

HOURS, DAYS = 20, 4
"""Parts of the month's budget that an hour and a day may take: a loop is stopped in minutes, a busy hour is
not."""


class WindowCapsArgs(TypedDict):
    """Caps in US dollars, each more than 0. Windows are those of UTC."""

    hour_usd: NotRequired[float]
    """Defaults to 1/20 of the month for the agent, to none for a tenant."""
    day_usd: NotRequired[float]
    """Defaults to 1/4 of the month for the agent, to none for a tenant."""
    month_usd: NotRequired[float]
    """Defaults to `monthly_budget_usd` for the agent, to none for a tenant."""


class RunCapsArgs(TypedDict):
    """Caps of one run. At a cap the run waits with its steps kept, and a person may let it have as much
    again. Each defaults to none beside the manifest's own limits."""

    usd: NotRequired[float]
    """US dollars for model calls."""
    tokens: NotRequired[int]
    """Input and output together."""
    model_calls: NotRequired[int]
    """Calls of the model."""
    tool_calls: NotRequired[int]
    """Steps that call no model."""
    steps: NotRequired[int]
    """Steps of any kind."""


class SpendArgs(TypedDict):
    agent: NotRequired[WindowCapsArgs]
    """Of the agent as a whole. At a cap its brake is engaged."""
    tenant: NotRequired[WindowCapsArgs]
    """Of each tenant. At a cap that tenant's runs wait for the next window."""
    run: NotRequired[RunCapsArgs]
    """Of each run."""
    schedules: NotRequired[dict[str, WindowCapsArgs]]
    """Of the runs of each schedule, by its name. Defaults to the caps of a tenant: a schedule is one."""
    roots: NotRequired[Sequence[str]]
    """Names of agents at the expense of whose runs this agent's may be begun: they spend what the other run
    has shared. Defaults to none but itself."""
    grace_seconds: NotRequired[float]
    """How long calls go on uncounted while the ledger cannot be reached, 0 to 300. Defaults to 0."""


def check_spend(args: Any, inputs: Inputs) -> SpendCaps:
    """The caps, with those of the agent filled in from its monthly budget."""
    given, month = args.get("spend") or {}, args["monthly_budget_usd"]
    try:
        caps = SpendCaps.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(("spend", *(str(part) for part in first["loc"])))
        way_out = "Give hour_usd, day_usd and month_usd for `agent` and `tenant`, or caps of one `run`."
        raise inputs.refuse(at, first["input"], first["msg"], way_out) from None
    for root in caps.roots:
        if not AGENT_NAME.fullmatch(root):
            way_out = "Give names of agents of the same environment, such as `planner`."
            raise inputs.refuse("spend.roots", root, "it is no agent's name", way_out)
    whole = caps.agent.month_usd or month
    filled = WindowCaps(
        hour_usd=caps.agent.hour_usd or whole / HOURS,
        day_usd=caps.agent.day_usd or whole / DAYS,
        month_usd=whole,
    )
    if whole > month:
        raise inputs.refuse(
            "spend.agent.month_usd",
            whole,
            f"the agent's budget is {month:g}",
            "Raise monthly_budget_usd too.",
        )
    return caps.model_copy(update={"agent": filled})


def spend_variables(caps: SpendCaps, budget: AgentBudget) -> dict[str, Any]:
    """What the program that runs the agent is told of it."""
    return {**caps_variables(caps), "AGENT_ALERT_TOPIC": budget.topic_arn}


def caps_variables(caps: SpendCaps) -> dict[str, Any]:
    """What the function that lets runs in is told of it."""
    told = caps.model_dump(exclude_none=True, exclude_defaults=True)
    return {"AGENT_SPEND": json.dumps(told, sort_keys=True)}


def keep_ledger(
    agent: str,
    checkpoints: CheckpointTable,
    budget: AgentBudget,
    control_table_arn: pulumi.Input[str],
    caps: SpendCaps,
) -> list[Statement]:
    """Finds what was reserved by processes that died, tells of thresholds and shares what runs may spend; the
    sums lie among the agent's own items, but those of trees of runs."""
    roots = [root for root in caps.roots if root != agent]
    return [
        runs.share_budgets(control_table_arn, agent),
        *([runs.spend_of_trees(control_table_arn, roots)] if roots else []),
        runs.find_due_spend(checkpoints.table_arn, DUE_INDEX, agent),
        statements.tell(budget.topic_arn),
        statements.use_key_through("sns", budget.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"]),
    ]
