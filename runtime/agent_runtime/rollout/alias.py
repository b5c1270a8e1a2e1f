"""The alias of an agent's function, brought to what the traffic record says."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.errors import RecordChanged, TrafficUnknown
from agent_runtime.rollout.plan import WHOLE
from agent_runtime.rollout.record import Record

ALIAS: Final = "live"
_TRIES: Final = 5
"""Against somebody who writes the alias at the same moment."""


class AliasTraffic:
    """`client` is boto3's Lambda client; `version_of` gives a bundle's published version."""

    def __init__(self, client: Any, function_name: str, versions: Mapping[str, str]) -> None:
        self._client = client
        self._function_name = function_name
        self._versions = versions

    def apply(self, record: Callable[[], Record]) -> bool:
        """Write the alias if it differs; whether it did.

        `record` is read anew before each try: what is applied is always the newest one, so that of two who
        apply at once the last cannot bring an older record back. Raises `TrafficUnknown` and `RecordChanged`.
        """
        for _ in range(_TRIES):
            try:
                held = self._client.get_alias(FunctionName=self._function_name, Name=ALIAS)
                wanted = self._weights(record())
                if wanted == (held["FunctionVersion"], _beside(held)):
                    return False
                main, beside = wanted
                self._client.update_alias(
                    FunctionName=self._function_name,
                    Name=ALIAS,
                    FunctionVersion=main,
                    RoutingConfig={"AdditionalVersionWeights": beside},
                    RevisionId=held["RevisionId"],
                )
                return True
            except self._client.exceptions.PreconditionFailedException:
                continue
            except (ClientError, BotoCoreError) as error:
                raise TrafficUnknown(f"the alias {ALIAS} cannot be moved: {error}") from error
        raise RecordChanged(f"the alias {ALIAS} changes too fast")

    def _weights(self, record: Record) -> tuple[str, dict[str, float]]:
        """Main version, and weight by the other."""
        part = record.candidate_basis_points if record.candidate is not None else 0
        stable = self._version(record.stable)
        if record.candidate is None or part == 0:
            return stable, {}
        candidate = self._version(record.candidate)
        return (candidate, {}) if part == WHOLE else (stable, {candidate: part / WHOLE})

    def _version(self, bundle_id: str) -> str:
        if bundle_id not in self._versions:
            raise TrafficUnknown(f"{bundle_id} was never published as a version of {self._function_name}")
        return self._versions[bundle_id]


def _beside(held: Mapping[str, Any]) -> dict[str, float]:
    weights = (held.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {version: float(weight) for version, weight in weights.items() if weight > 0}
