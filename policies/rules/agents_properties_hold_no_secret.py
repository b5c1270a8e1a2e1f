"""AG09b: no property of an agent's resources looks like a secret."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import EVERY, ResourceRule
from ..framework.secret_texts import secret_in
from ..framework.values import Malformed, NotKnown
from ._texts import leaves, snake

_ELSEWHERE = {
    "aws:lambda/function:Function": "environment",
    "aws:ecs/taskDefinition:TaskDefinition": "containerDefinitions",
}
"""Variables of functions and containers have rules of their own, C07 and C20."""
_WORDS = ("password", "passwd", "secret", "credential", "privatekey", "private_key", "apikey", "api_key")


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for resources with the tag `agent`, and for those whose tags nobody knows yet. Tokens by name
    alone are passed over: AWS calls what makes a request unique a token as well. A text that is unknown is
    judged once it is known."""
    if not resource.type.startswith("aws:") or not _may_be_agents(resource):
        return
    passed = _ELSEWHERE.get(resource.type, "")
    held = [
        leaf
        for key, value in resource.props.items()
        if key not in (passed, "tagsAll")
        for leaf in leaves(value, key, key)
    ]
    if secret_in("", "\n".join(text for _, _, text in held)):
        for path, _, text in held:
            if kind := secret_in("", text):
                yield Fail(f"it holds {kind}.", path)
    for path, name, text in held:
        promised = any(word in name.lower() for word in _WORDS) and not secret_in("", text)
        if promised and (kind := secret_in(snake(name), text)):
            yield Fail(f"it holds {kind}.", path)


def _may_be_agents(resource: Resource) -> bool:
    try:
        return bool(resource.tag("agent"))
    except NotKnown:
        return True
    except Malformed:
        return False  # tags of another kind, which no rule on agents can read


RULE = ResourceRule(
    id="AG09b",
    name="agents-properties-hold-no-secret",
    title="Properties of an agent's resources hold no secret in clear",
    why="Whoever may describe the resource, or read the state of the stack, has the secret.",
    remediation="Keep the value in Secrets Manager, hand its ARN over, and change a value that was shown.",
    severity=Severity.CRITICAL,
    types=EVERY,
    external={"OWASP": ("ASI03", "LLM02")},
    sources=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",),
    check=check,
)
