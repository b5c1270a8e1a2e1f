"""Puts a host's parts together from its environment, with AWS clients that are made when they are first
used.
"""

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from agent_runtime.audit.trail import Trail
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.entrypoints import load_agent
from agent_runtime.errors import SettingsError
from agent_runtime.guards.circuits import Circuits
from agent_runtime.hosts.clients import client_of, lazily, store_of, trail_of
from agent_runtime.hosts.providers import Address, models_of
from agent_runtime.hosts.session_pins import SessionPins
from agent_runtime.logs import log_to
from agent_runtime.notices import Notices
from agent_runtime.runner import Runner
from agent_runtime.samples import Sampler, SampleStore
from agent_runtime.secrets import SecretReader
from agent_runtime.settings import Settings
from agent_runtime.spend.alerts import Alerts
from agent_runtime.spend.ledger import Ledger
from agent_runtime.telemetry.spans import NO_SPANS, Spans
from agent_runtime.tools.calling import Gateway


@dataclass(frozen=True)
class HostParts:
    """What a host is made of."""

    bundle: Bundle
    store: CheckpointStore
    runner: Runner
    brake: BrakeReader
    dynamodb: Any
    """boto3's client."""
    sampler: Sampler
    audit: Trail

    def session_pins(self, control_table: str) -> SessionPins | None:
        """Where sessions go on, for a host that has queues; None for an agent without memory."""
        turns = self.runner.turns
        if turns is None:
            return None
        return SessionPins(turns.sessions, self.dynamodb, control_table, has_queues=True)


def start(settings: Settings, *, owner: str = "", address: str = "") -> HostParts:
    """Read the bundle and import the agent. Raises `SettingsError`: a host that is wrong stops.

    `owner` and `address` are those of a host that can be reached, for the sessions that it holds.
    """
    bundle = settings.load_bundle()
    undeclared = sorted(set(bundle.secrets) - settings.secrets.keys())
    if undeclared:
        raise SettingsError(
            f"AGENT_SECRETS has no ARN for {', '.join(undeclared)}, which the bundle declares"
        )
    log_to(sys.stdout, settings.observe.redactor(), agent=settings.agent_name, bundle=bundle.bundle_id)
    dynamodb = client_of("dynamodb")
    audit = trail_of(settings, dynamodb, "agent", bundle=bundle.bundle_id)
    secret_reader = SecretReader(lazily("secretsmanager"), settings.secrets, audit=audit)
    store = store_of(settings, dynamodb)
    brake = BrakeReader(dynamodb, settings.control_table, settings.agent_name)
    circuits = Circuits(store.table, settings.agent_name, audit=audit)
    address_of, seconds = partial(_address, settings), settings.turn_timeout_seconds
    ledger = alerts = None
    if settings.spend is not None:
        ledger = Ledger(store.table, settings.agent_name, settings.spend)
        if settings.alert_topic:
            alerts = Alerts(
                store.table, settings.agent_name, settings.spend, lazily("sns"), settings.alert_topic
            )
    runner = Runner(
        load_agent(bundle.entrypoint, settings.task_root),
        bundle=bundle,
        store=store,
        brake=brake,
        secrets=secret_reader,
        models=models_of(bundle, address_of, secret_reader, seconds, circuits, settings.model_prices),
        ledger=ledger,
        alerts=alerts,
        tools=settings.tools,
        compact_every=settings.compact_every,
        owner=owner,
        address=address,
        spans=_spans(settings, bundle, secret_reader),
        audit=audit,
        escalate=settings.escalate,
        notices=_notices(settings, store),
        gateway=_gateway(settings, secret_reader, circuits),
    )
    sampler = Sampler(SampleStore(store.table, settings.agent_name), settings.sample_basis_points)
    return HostParts(bundle, store, runner, brake, dynamodb, sampler, audit)


def _notices(settings: Settings, store: CheckpointStore) -> Notices | None:
    if not settings.notice_topic:
        return None
    return Notices(store.table, settings.agent_name, lazily("sns"), settings.notice_topic)


def _gateway(settings: Settings, secrets: SecretReader, circuits: Circuits) -> Gateway | None:
    """What calls the tools that agents share; None without a gateway."""
    if settings.tool_gateway is None:
        return None
    if settings.tool_gateway_token_url is None:
        raise SettingsError("AGENT_TOOL_GATEWAY_TOKEN_URL is needed beside AGENT_TOOL_GATEWAY")
    from agent_runtime.tools.gateway import GatewayClient
    from agent_runtime.tools.guarded import GuardedGateway
    from agent_runtime.tools.workload import WorkloadTokens

    tokens = WorkloadTokens(
        settings.tool_gateway_token_url,
        settings.tool_gateway_client,
        secrets,
        audience=settings.tool_gateway_audience,
        scope=settings.tool_gateway_scope,
    )
    return GuardedGateway(GatewayClient(settings.tool_gateway, tokens), circuits)


def _spans(settings: Settings, bundle: Bundle, secrets: SecretReader) -> Spans:
    """Where the agent's spans go; its libraries are loaded only where they go somewhere."""
    traces = settings.observe.traces
    if traces is None:
        return NO_SPANS
    if traces.headers_secret and traces.headers_secret not in settings.secrets:
        raise SettingsError(
            f"AGENT_SECRETS has no ARN for {traces.headers_secret}, which AGENT_OBSERVE names"
        )
    from agent_runtime.telemetry.exporting import spans_of

    return spans_of(
        settings.observe,
        traces,
        secrets,
        agent=settings.agent_name,
        bundle_id=bundle.bundle_id,
        environment=settings.environment,
    )


def _address(settings: Settings, tier: str) -> Address:
    if tier in settings.model_endpoints:
        return Address(settings.model_endpoints[tier], is_own=True)
    if settings.model_endpoint is None:
        raise SettingsError(
            f"AGENT_MODEL_ENDPOINT is needed, since the bundle's model {tier!r} has the provider 'openai'"
        )
    return Address(settings.model_endpoint)
