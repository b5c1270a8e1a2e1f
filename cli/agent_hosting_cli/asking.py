"""Asks a deployed agent over HTTP and shows what it answered."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from agent_hosting_cli import local
from agent_hosting_cli.progress import console
from agent_hosting_cli.project import Project, UserError
from embedded_aws.http_apis import Issuer

_SECONDS = 60
AUDIENCE = "agents"


@dataclass(frozen=True)
class Answer:
    """What an agent said, and where."""

    agent: str
    question: str
    url: str
    facts: dict[str, Any]


def token(project: Project, tenant: str) -> str:
    """A token of the embedded cloud's issuer, good for an hour."""
    cloud = local.require_cloud(project)
    issuer = Issuer(cloud.issuer_url, project.cloud / "issuer-key.json")
    return issuer.token(audience=AUDIENCE, subject=f"{tenant}-user", claims={"tenant": tenant})


def ask(project: Project, agent: str, question: str, *, session: str | None, tenant: str) -> Answer:
    found = local.agent_of(project, agent)
    url = f"{found['local_url']}/runs"
    body = {"input": {"question": question}} | ({"session": session} if session else {})
    request = urllib.request.Request(
        url,
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {token(project, tenant)}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as reply:
            return Answer(agent, question, url, json.loads(reply.read()))
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        raise UserError(f"{agent} answered {error.code}: {_detail(said)}") from None
    except OSError as error:
        raise UserError(f"{url} does not answer: {error}. Run `make up` first.") from None


def show(answer: Answer) -> None:
    """For people: the answer, its bundle, its steps, what it cost and where to ask next."""
    facts = answer.facts
    output = facts.get("output") or {}
    text = output.get("answer") if isinstance(output, dict) else None
    console.print(f"\n[bold]{answer.question}[/bold]\n{text or json.dumps(output, indent=2)}\n")
    table = Table.grid(padding=(0, 2))
    for source in (output.get("citations") or []) if isinstance(output, dict) else []:
        table.add_row(
            "source", " ".join(f"{v}" for v in source.values()) if isinstance(source, dict) else str(source)
        )
    usage = facts["usage"]
    table.add_row("bundle", facts["bundle_id"])
    table.add_row("steps", ", ".join(step["name"] for step in facts["steps"]))
    table.add_row(
        "cost",
        f"{usage['cost_usd']:.6f} USD ({usage['input_tokens']} tokens in, {usage['output_tokens']} out)",
    )
    console.print(table)
    console.print("\nAsk it yourself:", markup=False)
    console.print(
        f"""  curl -s {answer.url} \\
    -H "authorization: Bearer $(.venv/bin/agent-hosting token)" \\
    -H 'content-type: application/json' \\
    -d '{{"input": {{"question": "{answer.question}"}}}}'""",
        markup=False,
    )


def _detail(text: str) -> str:
    try:
        problem = json.loads(text)
        return str(problem.get("detail") or problem.get("message") or text)
    except (ValueError, AttributeError):
        return text
