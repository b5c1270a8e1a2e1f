"""The function that copies an agent's audit trail to where it is locked, called every quarter of an hour."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from agent_runtime.audit.anchors import Anchors
from agent_runtime.audit.export import Exporter
from agent_runtime.hosts.clients import client_of
from agent_runtime.logs import log_to
from agent_runtime.settings import AuditSettings


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """The function's handler: `agent_runtime.hosts.audit_export.handler`. Returns `{manifest, entries}`;
    raises `TrailBroken`, so that the function's alarm speaks."""
    settings = AuditSettings.from_environment(os.environ)
    log_to(sys.stdout, settings.observe.redactor())
    agent = settings.agent_name
    anchors = Anchors(
        client_of("dynamodb"), settings.control_table, agent, settings.audit_retention_days, time.time
    )
    logs, s3 = client_of("logs"), client_of("s3", 30)
    return Exporter(logs, settings.audit_log_group, s3, settings.audit_bucket, anchors, agent=agent).run()
