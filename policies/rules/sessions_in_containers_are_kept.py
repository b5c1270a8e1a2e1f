"""C23b: who enters a container leaves a log, and is read by nobody on the way."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View

_SERVICE = "aws:ecs/service:Service"
_PLACES = (
    ("cloudWatchLogGroupName", "cloudWatchEncryptionEnabled"),
    ("s3BucketName", "s3BucketEncryptionEnabled"),
)


def check(cluster: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers where a service lets people in or the cluster says how. By default sessions go to the log of
    the container's own driver, without a key of one's own.
    """
    said = cluster.view.view("configuration").view("executeCommandConfiguration")
    entered = any(
        service.view.flag("enableExecuteCommand", False)
        for service in stack.referring(cluster, _SERVICE, by=("cluster",))
    )
    if not said.held and not entered:
        return
    at = said.path or "configuration.executeCommandConfiguration"
    logging = said.text("logging", "DEFAULT")
    if logging == "NONE":
        yield Fail("sessions leave no log.", f"{at}.logging")
    elif logging == "OVERRIDE":
        yield from _places(said.view("logConfiguration"))
    if not said.says("kmsKeyId"):
        yield Fail("sessions have no key of their own.", f"{at}.kmsKeyId")


def _places(log: View) -> Iterable[Fail]:
    given = [encrypted for place, encrypted in _PLACES if log.says(place)]
    if not given:
        yield Fail("sessions leave no log.", log.path)
    for encrypted in given:
        if not log.flag(encrypted, False):
            yield Fail("the log of sessions is written in clear.", log.at(encrypted))


RULE = StackRule(
    id="C23b",
    name="sessions-in-containers-are-kept",
    title="Sessions in containers are logged and encrypted by a key of one's own",
    why="A shell in a worker has the agent's rights and sees what people told it.",
    remediation="Set kms_key_id and a logging other than NONE in execute_command_configuration.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types("ecs/cluster:Cluster"),
    external={"Checkov": ("CKV_AWS_223", "CKV_AWS_224")},
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",),
    check=check,
)
