"""Finds the version of a function that a qualifier means, and freezes what it runs with.

moto publishes a version as a shallow copy of `$LATEST`. Its updates replace code bytes, environment and
layers instead of changing them in place, so a version stays as published. The policy, the tags and the event
settings are shared with `$LATEST`, and reserved concurrency is kept there alone: those are read from it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.backends import get_backend

from embedded_aws.functions.invocation import Refused, not_found

LATEST = "$LATEST"


@dataclass(frozen=True)
class Version:
    """All that a process of one version depends on: equal versions may share warm processes."""

    region: str
    name: str
    version: str
    arn: str
    """Without a qualifier."""
    handler: str
    role: str
    runtime: str
    timeout_seconds: int
    memory_mb: int
    code_sha256: str
    variables: tuple[tuple[str, str], ...]
    layers: tuple[str, ...]
    log_group: str
    log_format: str
    created: str
    """Tells a function from one of the same name that was deleted before it."""
    code: bytes = field(repr=False, compare=False)


@dataclass(frozen=True)
class Target:
    """What one invocation runs, and the ARN that it was called by."""

    version: Version
    invoked_arn: str
    alias: str | None


class Versions:
    def __init__(self, account: str, choose: Callable[[], float] = random.random) -> None:
        self._account, self._choose = account, choose

    def latest(self, region: str, name: str) -> LambdaFunction:
        try:
            return self._backend(region).get_function(name)
        except LambdaClientError as missing:
            raise not_found(self._arn(region, name)) from missing

    def resolve(self, region: str, name: str, qualifier: str | None) -> Target:
        latest = self.latest(region, name)
        arn = self._arn(region, name)
        if qualifier is None:
            return Target(_freeze(latest, arn), arn, None)
        number, alias = self._number(region, name, qualifier), None
        if number != qualifier:
            alias = qualifier
        try:
            found = self._backend(region).get_function(name, number)
        except LambdaClientError as missing:
            raise not_found(f"{arn}:{qualifier}") from missing
        return Target(_freeze(found, arn), f"{arn}:{qualifier}", alias)

    def _number(self, region: str, name: str, qualifier: str) -> str:
        """Turns an alias into a version by its weights.

        The additional version gets its share, and the alias's own version the rest:
        https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html.
        """
        aliases = {alias.name: alias for alias in self._backend(region).list_aliases(name)}
        if qualifier not in aliases:
            return qualifier
        routing: Any = aliases[qualifier].routing_config or {}
        drawn = self._choose()
        for number, weight in (routing.get("AdditionalVersionWeights") or {}).items():
            if drawn < float(weight):
                return str(number)
            drawn -= float(weight)
        return str(aliases[qualifier].function_version)

    def _backend(self, region: str) -> LambdaBackend:
        return get_backend("lambda")[self._account][region]

    def _arn(self, region: str, name: str) -> str:
        return f"arn:aws:lambda:{region}:{self._account}:function:{name}"


def kept(function: LambdaFunction, setting: str) -> dict[str, Any]:
    """A setting that moto drops and `install` keeps, empty if none was declared."""
    return dict(getattr(function, "kept_settings", {}).get(setting) or {})


def _freeze(function: LambdaFunction, arn: str) -> Version:
    if function.package_type != "Zip":
        message = f"The embedded AWS runs zip packages only; {function.function_name} is an image."
        raise Refused(502, "InvalidRuntimeException", message, Type="Server")
    runtime = str(function.run_time)
    if not runtime.startswith("python"):
        message = f"The embedded AWS runs Python only; {function.function_name} asks for {runtime}."
        raise Refused(502, "InvalidRuntimeException", message, Type="Server")
    logging = kept(function, "LoggingConfig")
    return Version(
        region=function.region,
        name=function.function_name,
        version=str(function.version),
        arn=arn,
        handler=str(function.handler),
        role=function.role,
        runtime=runtime,
        timeout_seconds=int(function.timeout),
        memory_mb=int(function.memory_size),
        code_sha256=function.code_sha_256,
        variables=tuple(sorted((str(k), str(v)) for k, v in function.environment_vars.items())),
        layers=tuple(layer["Arn"] for layer in function.layers),
        log_group=str(logging.get("LogGroup") or function.logs_group_name),
        log_format=str(logging.get("LogFormat") or "Text"),
        created=f"{function.last_modified}",
        code=function.code_bytes,
    )
