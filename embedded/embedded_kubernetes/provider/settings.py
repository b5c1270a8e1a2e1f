"""What a provider resource of a program may say, and what it may not where one cluster is served."""

import json
from dataclasses import dataclass
from pathlib import Path

from embedded_aws.provider.protocol import Refused
from embedded_aws.provider.values import Properties, Unknown
from embedded_kubernetes.provider.connection import Connection, Object, kubeconfig_of

_MUTABLE = {"enableConfigMapMutable": "ConfigMap", "enableSecretMutable": "Secret"}
_NOT_HERE = ("renderYamlToDirectory",)


@dataclass(frozen=True)
class Settings:
    """Of one provider resource."""

    namespace: str = "default"
    mutable: frozenset[str] = frozenset()
    """Kinds whose contents change in place."""
    force: bool = False
    """Whether fields of other managers are taken over without an annotation."""


def settings_of(inputs: Properties, kubeconfig: Object) -> Settings:
    """Raises Refused for what the embedded Kubernetes does not do."""
    for name in _NOT_HERE:
        if inputs.get(name):
            raise Refused(f"the embedded Kubernetes does not do kubernetes:{name}. Leave it out.")
    if not _flag(inputs, "enableServerSideApply", default=True):
        raise Refused(
            "the embedded Kubernetes applies on the server's side only. Leave out enableServerSideApply."
        )
    mutable = {kind for name, kind in _MUTABLE.items() if _flag(inputs, name, default=False)}
    force = _flag(inputs, "enablePatchForce", default=False)
    namespace = inputs.get("namespace") or _namespace_of(kubeconfig, _text(inputs, "context"))
    known = namespace if isinstance(namespace, str) else "default"
    return Settings(known, frozenset(mutable), force)


def connection_of(inputs: Properties, served: Connection, path: Path) -> Connection:
    """The cluster that the inputs name. Raises Refused unless it is the one served."""
    given, context = inputs.get("kubeconfig"), _text(inputs, "context")
    if (given is None and context is None) or isinstance(given, Unknown):
        return served
    named, asks_aws = without_aws(kubeconfig_of(given or path))
    connection = Connection(named, context)
    if connection.server == served.server and asks_aws:
        return served
    if connection.server != served.server:
        raise Refused(
            f"this program's kubeconfig names the cluster at {connection.server}, but the embedded cloud "
            f"serves the one at {served.server}. Give that one's kubeconfig, or set KUBECONFIG to your "
            f"cluster's before you start the embedded cloud."
        )
    return connection


def without_aws(kubeconfig: Object) -> tuple[Object, bool]:
    """The kubeconfig without users who prove themselves by `aws eks get-token`, and whether it had any: this
    machine need not have that command, and the cloud's administrator deploys."""
    users = kubeconfig.get("users") or []
    kept = [
        user if ((user.get("user") or {}).get("exec") or {}).get("command") != "aws" else {**user, "user": {}}
        for user in users
    ]
    return {**kubeconfig, "users": kept}, kept != users


def _text(inputs: Properties, name: str) -> str | None:
    value = inputs.get(name)
    return value if isinstance(value, str) and value else None


def _flag(inputs: Properties, name: str, *, default: bool) -> bool:
    """Provider inputs arrive as JSON in strings."""
    value = inputs.get(name)
    if isinstance(value, str):
        value = json.loads(value.lower()) if value.lower() in ("true", "false") else None
    return value if isinstance(value, bool) else default


def _namespace_of(kubeconfig: Object, context: str | None) -> str:
    """The namespace that the context is about."""
    chosen = context or kubeconfig.get("current-context")
    found = [c["context"] for c in kubeconfig.get("contexts") or [] if c.get("name") == chosen]
    return (found[0].get("namespace") if found else None) or "default"
