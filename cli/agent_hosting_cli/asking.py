"""Asks a deployed agent over HTTP and shows what it answered."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from agent_hosting_cli import local
from agent_hosting_cli.progress import console, step
from agent_hosting_cli.project import Project, UserError

_SECONDS = 60
_PAUSE_SECONDS = 0.3
FOLLOWED_SECONDS = 3600
ENDED = frozenset({"DONE", "FAILED", "DEAD", "CANCELLED"})
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
    from embedded_aws.http_apis.issuer import Issuer  # most commands need no cryptography

    cloud = local.require_cloud(project)
    issuer = Issuer(cloud.issuer_url, project.cloud / "issuer-key.json")
    return issuer.token(audience=AUDIENCE, subject=f"{tenant}-user", claims={"tenant": tenant})


def ask(
    project: Project,
    agent: str,
    question: str,
    *,
    session: str | None,
    tenant: str,
    more: dict[str, Any] | None = None,
) -> Answer:
    """Ask, and follow a run that goes on after its answer. `more` are further fields of the input."""
    found = local.agent_of(project, agent)
    caller = _Caller(agent, token(project, tenant))
    url = f"{found['local_url']}/runs"
    body = {"input": {"question": question, **(more or {})}} | ({"session": session} if session else {})
    facts = caller.call("POST", url, body)
    if facts["status"] not in ENDED:
        facts = _followed(caller, f"{url}/{facts['run_id']}")
    if facts["status"] != "DONE":
        raise UserError(f"run {facts['run_id']} is {facts['status']}: {facts.get('error')}")
    return Answer(agent, question, url, facts)


def _followed(caller: "_Caller", url: str) -> dict[str, Any]:
    """Waits for the run to end, and says what it tells in the meantime."""
    ends, cursor, status = time.monotonic() + FOLLOWED_SECONDS, "", ""
    with step(f"run {url.rsplit('/', 1)[1]}") as current:
        while time.monotonic() < ends:
            page = caller.call("GET", f"{url}/events" + (f"?after={cursor}" if cursor else ""))
            cursor = page["after"]
            for event in page["events"]:
                current.say(f"{event['kind']} {json.dumps(event['data'])}")
            if page["status"] != status:
                status = page["status"]
                current.say(status.lower())
            if status in ENDED:
                return caller.call("GET", url)
            time.sleep(_PAUSE_SECONDS)
    raise UserError(f"the run goes on; ask for it again: {url}")


@dataclass(frozen=True)
class _Caller:
    """Calls an agent's HTTP API in a tenant's name."""

    agent: str
    bearer: str

    def call(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.bearer}"}
        content = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, content, headers, method=method), timeout=_SECONDS
            ) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise UserError(f"{self.agent} answered {error.code}: {_detail(said)}") from None
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
    table.add_row("steps", ", ".join(done["name"] for done in facts["steps"]))
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
