"""What spans of runs are called and carry: the GenAI semantic conventions of OpenTelemetry, and our own names
where those have none. https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-agent-spans/

No prompt, answer, input or argument is among it: what people said is theirs, and lies in the checkpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agent_runtime.copies import copied_run
from agent_runtime.errors import Suspended
from agent_runtime.records import Path, RunRecord, Usage, path_text

if TYPE_CHECKING:
    from agent_runtime.bundle import ModelSpec
    from agent_runtime.models.client import ModelReply

Attribute = str | int | float | bool | list[str]
Attributes = Mapping[str, Attribute]
_PROVIDERS: Final = {"bedrock": "aws.bedrock", "openai": "openai"}
"""https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/#gen-ai-provider-name"""


@dataclass(frozen=True)
class Opening:
    """A span as it begins."""

    name: str
    attributes: Attributes = field(default_factory=dict)
    calls_out: bool = False
    """Whether it waits for something outside of this process."""


def run(agent: str, bundle_id: str, record: RunRecord) -> Opening:
    """The run itself, from its acceptance to its end, whoever works on it."""
    session = {} if record.session is None else {"gen_ai.conversation.id": record.session}
    copy_of = copied_run(record.run_id)
    copied = {} if copy_of is None else {"agent_hosting.run.copy_of": copy_of}
    return Opening(
        f"invoke_agent {agent}",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": agent,
            "gen_ai.agent.version": bundle_id,
            **session,
            **copied,
            "agent_hosting.run.id": record.run_id,
            "agent_hosting.tenant": record.tenant,
        },
    )


def run_ended(status: str, usage: Usage, steps: int) -> dict[str, Attribute]:
    """What the run's own span has once it ends."""
    return {
        "agent_hosting.run.status": status,
        "agent_hosting.run.steps": steps,
        "agent_hosting.cost_usd": usage.cost_usd,
        "agent_hosting.model_calls": usage.model_calls,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }


def work(record: RunRecord, epoch: int) -> Opening:
    """One worker's time with a run. Epochs count the workers that took it."""
    return Opening(
        "work",
        {
            "agent_hosting.run.id": record.run_id,
            "agent_hosting.tenant": record.tenant,
            "agent_hosting.run.epoch": epoch,
        },
    )


def step(name: str, path: Path, *, effect: bool) -> Opening:
    """A step that is done now; one that is replayed has none."""
    kind = "effect" if effect else "step"
    told: dict[str, Attribute] = {"agent_hosting.step.name": name, "agent_hosting.step.path": path_text(path)}
    return Opening(f"{kind} {name}", {**told, "agent_hosting.step.effect": effect})


def chat(spec: "ModelSpec", max_output_tokens: int | None) -> Opening:
    """One call of a model."""
    asked: dict[str, Attribute | None] = {
        "gen_ai.request.temperature": spec.temperature,
        "gen_ai.request.top_p": spec.top_p,
        "gen_ai.request.seed": spec.seed,
        "gen_ai.request.stop_sequences": list(spec.stop_sequences) or None,
    }
    return Opening(
        f"chat {spec.name}",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS[spec.provider],
            "gen_ai.request.model": spec.name,
            "gen_ai.request.max_tokens": max_output_tokens or spec.max_output_tokens,
            **{name: value for name, value in asked.items() if value is not None},
        },
        calls_out=True,
    )


def answered(reply: "ModelReply") -> dict[str, Attribute]:
    """What a model call has once it was answered."""
    return {
        "gen_ai.response.model": reply.model,
        "gen_ai.usage.input_tokens": reply.input_tokens,
        "gen_ai.usage.output_tokens": reply.output_tokens,
        "agent_hosting.cost_usd": reply.cost_usd,
    }


def tool(name: str, call_id: str = "") -> Opening:
    """One call of a tool."""
    told: dict[str, Attribute] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
    }
    return Opening(f"execute_tool {name}", told | ({"gen_ai.tool.call.id": call_id} if call_id else {}))


def ended_by(error: BaseException | None) -> dict[str, Attribute]:
    """How a span ended. A run that waits has not failed; of an error the class is told, not its text, which
    may hold anything."""
    if error is None:
        return {}
    if isinstance(error, Suspended):
        return {"agent_hosting.suspended": error.status}
    return {"error.type": type(error).__name__}
