"""AG07b: what runs an agent says which bundle it is, and everything of one release says the same."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._agents import SERVICE
from ._runtimes import RUNTIMES, TASK, labels_of, runtime

_TAGS = ("bundle", "bundle_id", "bundle-id")
_LABELS = ("agent-hosting/bundle", "bundle", "app.kubernetes.io/version")


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the programs that run agents: by their variables, tags and labels, and by the tags of the
    services that run their tasks."""
    program = runtime(resource, stack)
    if program is None:
        return
    told, path = _tagged(resource)
    said = program.bundles()
    if not told and not said:
        yield Fail("nothing says which bundle of prompt, model, tools and code it is.", path)
    for other in sorted(said - {told} if told else set(sorted(said)[1:])):
        yield Fail(f"it is called bundle {told or min(said)} and {other}.", program.path)
    if resource.type == TASK:
        for service in stack.referring(resource, SERVICE, by=("taskDefinition",)):
            of_service, at = _tagged(service)
            if of_service and of_service not in {told, *said} - {""}:
                yield Fail(f"the service is called bundle {of_service}, its task another.", at, service.urn)


def _tagged(resource: Resource) -> tuple[str, str]:
    if resource.type.startswith("kubernetes:"):
        labels = labels_of(resource)
        return next((text for label in _LABELS if (text := labels.text(label))), ""), labels.path
    return next((text for tag in _TAGS if (text := resource.tag(tag))), ""), "tags"


RULE = StackRule(
    id="AG07b",
    name="releases-have-one-bundle",
    title="All of a release names one and the same bundle",
    why="Without the id nobody can tell what answered, what it cost, or what to go back to.",
    remediation="Set the tag `bundle` and the variable AGENT_BUNDLE_ID to the id of the release.",
    severity=Severity.MEDIUM,
    types=types(*RUNTIMES),
    external={"AWS Well-Architected": ("AGENTOPS02-BP03",)},
    sources=("https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/cost-alloc-tags.html",),
    check=check,
)
