"""Evaluates an agent's working tree, or reads another tool's results of it, and judges what was measured."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from agent_hosting_cli.engine import LOCAL
from agent_hosting_cli.evaluation import files
from agent_hosting_cli.evaluation.cases import Case, CaseSet, read_cases
from agent_hosting_cli.evaluation.declared import Declared, address_of, declared_agent, secret_values
from agent_hosting_cli.evaluation.importing import imported_agent
from agent_hosting_cli.evaluation.measures import Row, measured, row_of
from agent_hosting_cli.evaluation.picture import picture
from agent_hosting_cli.evaluation.reports import read_report
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.evaluation.running import CaseRunner
from agent_hosting_cli.evaluation.scorers import Scorer, scored, scorers_of
from agent_hosting_cli.evaluation.scorers.judge import Asked, Bill
from agent_hosting_cli.evaluation.settings import GateSettings, JudgeModel, read_settings
from agent_hosting_cli.evaluation.surroundings import surroundings
from agent_hosting_cli.project import Project, UserError
from agent_runtime.hosts.providers import models_of, provider_of
from agent_runtime.models.client import ModelClient
from agent_runtime.rollout.gates import Evidence, Judged, judge
from agent_runtime.runner import Runner

SOURCE: Final = "agent-hosting gate"


@dataclass(frozen=True)
class Options:
    """What the command was told beside the agent's name."""

    stack: str | None = None
    """Defaults to `local`."""
    endpoint: str | None = None
    at_once: int | None = None
    timeout_seconds: float = 120.0
    """For each case."""
    results: Path | None = None
    """Results of another tool, of the format `results_format`, instead of running anything."""
    results_format: str | None = None
    out: Path | None = None
    against: Path | None = None
    """Evidence of the stable bundle."""


@dataclass(frozen=True)
class Gated:
    """An evaluation and its judgement."""

    evidence: Evidence
    judged: list[Judged]
    places: files.Places
    results: list[CaseResult]
    """Empty where another tool's results were read."""
    stable: Evidence | None
    bill: Bill | None
    """What the judge's model cost, where there is one."""

    @property
    def passes(self) -> bool:
        return all(judged.reason is None for judged in self.judged)

    @property
    def failed(self) -> list[CaseResult]:
        """Cases whose run did not end well, or that score less than a half of something."""
        return [r for r in self.results if not r.is_done or min(r.scores.values(), default=1.0) < 0.5]


def gate(
    project: Project, agent: str, options: Options, say: Callable[[str], None] = lambda _: None
) -> Gated:
    """Measure, judge, and write evidence and picture. Raises `UserError`; a missed threshold is no error."""
    if (options.results is None) is not (options.results_format is None):
        raise UserError("--results FILE and --format go together; give both or neither")
    declared = declared_agent(project, agent, options.stack or LOCAL)
    settings = read_settings(declared.folder)
    places = files.places(project, agent, declared.bundle.bundle_id, options.out)
    stable = None if options.against is None else files.evidence_of_file(options.against)
    if stable is not None and stable.agent != agent:
        raise UserError(f"{options.against} is evidence of {stable.agent!r}, and {agent!r} is judged")
    results: list[CaseResult] = []
    bill: Bill | None = None
    cases_sha256 = ""
    if options.results is not None:
        rows = read_report(options.results, options.results_format or "")
    else:
        cases = read_cases(declared.folder / settings.cases, {tool.name for tool in declared.bundle.tools})
        bill = Bill() if any(spec.kind == "judge" for spec in settings.scorers) else None
        results = _run(project, declared, settings, cases, options, bill, say)
        rows, cases_sha256 = list(map(row_of, results)), cases.sha256
    evidence = _evidence(declared, rows, options.results_format or SOURCE, cases_sha256)
    judged = judge(settings, evidence.metrics)
    files.write(places, evidence, results, picture(evidence, judged, stable))
    return Gated(evidence, judged, places, results, stable, bill)


def _run(
    project: Project,
    declared: Declared,
    settings: GateSettings,
    cases: CaseSet,
    options: Options,
    bill: Bill | None,
    say: Callable[[str], None],
) -> list[CaseResult]:
    bundle = declared.bundle
    judge_model = settings.judge or JudgeModel.model_validate(bundle.model.model_dump())
    models = [*bundle.tiers.values(), *([judge_model] if bill else [])]
    secrets = set(bundle.secrets) | {m.api_key_secret for m in models if m.api_key_secret}
    values = secret_values(declared, secrets)
    address = partial(address_of, project, declared, options.endpoint, options.stack is not None)
    with ExitStack() as stack:
        uses_bedrock = any(model.provider == "bedrock" for model in models)
        around = stack.enter_context(surroundings(declared.name, values, real_credentials=uses_bedrock))

        @cache
        def asked() -> Asked:
            provider = provider_of(
                judge_model,
                lambda: judge_model.endpoint or address().url,
                around.secrets,
                options.timeout_seconds,
            )
            return Asked(ModelClient(judge_model, provider), options.timeout_seconds, bill or Bill())

        tools = {tool.name for tool in bundle.tools}
        scorers = scorers_of(settings, declared.folder, tools, asked)
        runner = Runner(
            stack.enter_context(imported_agent(bundle.entrypoint, declared.folder)),
            bundle=bundle,
            store=around.store,
            brake=around.brake,
            secrets=around.secrets,
            models=models_of(
                bundle, lambda tier: address(tier=tier), around.secrets, options.timeout_seconds
            ),
            tools=declared.tools,
        )
        case_runner = CaseRunner(
            runner,
            declared.name,
            timeout_seconds=options.timeout_seconds,
            then=partial(_scored, scorers),
        )
        total = len(cases.cases)

        def progressed(through: int) -> None:
            if through % max(1, total // 5) == 0:
                say(f"{through} of {total} cases")

        return case_runner.run(
            cases.cases, at_once=options.at_once or settings.at_once, progressed=progressed
        )


def _scored(scorers: list[Scorer], case: Case, result: CaseResult) -> CaseResult:
    result.scores.update(scored(case, result, scorers))
    return result


def _evidence(declared: Declared, rows: list[Row], source: str, cases_sha256: str) -> Evidence:
    return Evidence(
        agent=declared.name,
        bundle_id=declared.bundle.bundle_id,
        created_at=int(time.time() * 1000),
        created_by=files.author(),
        source=source,
        cases_sha256=cases_sha256,
        metrics=measured(rows),
    )
