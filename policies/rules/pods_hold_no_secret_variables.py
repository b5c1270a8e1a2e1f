"""C48c: secrets come as files or are fetched, and are no environment variables."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ..framework.secret_texts import secret_in
from ..framework.values import View
from ._objects import each
from ._pods import PODS, Container, judged


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every container: for literals that look like a secret, and for Secrets as variables."""
    return judged(resource, (), (_variables, _whole_secrets))


def _variables(container: Container) -> Iterator[Fail]:
    return each(_one(container, variable) for variable in container.view.views("env"))


def _one(container: Container, variable: View) -> Iterator[Fail]:
    name = variable.text("name")
    if variable.view("valueFrom").says("secretKeyRef"):
        yield Fail(f"{container.name} has a Secret as its variable {name}.", variable.at("valueFrom"))
    if kind := secret_in(name, variable.text("value")):
        yield Fail(f"{name} of {container.name} is {kind}, in clear.", variable.at("value"))


def _whole_secrets(container: Container) -> Iterator[Fail]:
    for source in container.view.views("envFrom"):
        if source.says("secretRef"):
            yield Fail(f"{container.name} has a whole Secret as variables.", source.at("secretRef"))


RULE = ResourceRule(
    id="C48c",
    name="pods-hold-no-secret-variables",
    title="Environment variables of pods hold no secrets",
    why="Variables are told to child processes, crash reports and logs, and to an agent that lists them.",
    remediation="Read the secret by its ARN when it is needed (SecretScope), or mount it as a file.",
    severity=Severity.HIGH,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_35",),
        "kube-linter": ("env-var-secret", "read-secret-from-env-var"),
    },
    sources=("https://kubernetes.io/docs/concepts/security/secrets-good-practices/",),
    check=check,
)
