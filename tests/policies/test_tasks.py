"""C18 to C23 and AG11b: tasks of ECS, who starts them, their clusters and their queues."""

import json
from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, unchecked

RUN, START = "arn:aws:iam::123456789012:role/run", "arn:aws:iam::123456789012:role/start"
AGENT = {"agent": "handbook"}
LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "handbook"}}
CONTAINER: dict[str, Any] = {
    "name": "agent",
    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/agents@sha256:0",
    "user": "65532:65532",
    "readonlyRootFilesystem": True,
    "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
    "stopTimeout": 20,
    "environment": [{"name": "AGENT_QUEUE_URL", "value": "https://work"}],
    "secrets": [{"name": "API_KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:1:secret:key-AbCdEf"}],
    "logConfiguration": LOG,
}
TASK = {"taskRoleArn": RUN, "executionRoleArn": START, "networkMode": "awsvpc", "tags": AGENT}
ALL = ("C18", "C18b", "C18c", "C19", "C20", "C21", "C22b", "AG11b", "C18d")
OF_CONTAINERS = ("C18", "C18b", "C18c", "C20", "C21", "AG11b", "C18d")


def task(container: dict[str, Any] | None = None, *, form: str = "text", **given: Any) -> Any:
    """A task definition with one container, some of whose properties are others."""
    held: Any = [changed(CONTAINER, **(container or {}))]
    written = json.dumps(held) if form == "text" else held if form == "objects" else held[0]
    props = changed({**TASK, "containerDefinitions": written}, **given)
    return resource("ecs/taskDefinition:TaskDefinition", "task", props)


@pytest.mark.parametrize("form", ["text", "objects", "one"])
@pytest.mark.parametrize("rule", ALL)
def test_a_bounded_task_passes(rule: str, form: str) -> None:
    assert passes(rule, task(form=form))


@pytest.mark.parametrize("rule", OF_CONTAINERS)
def test_unknown_and_malformed_containers(rule: str) -> None:
    assert unchecked(rule, task(containerDefinitions=UNKNOWN)) == ["containerDefinitions"]
    assert unchecked(rule, task(containerDefinitions=[UNKNOWN])) == ["containerDefinitions[0]"]
    assert len(fails(rule, task(containerDefinitions="{"))) == 1
    assert len(fails(rule, task(containerDefinitions='["agent"]'))) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"privileged": True},
        {"privileged": "true"},
        {"Privileged": True},
        {"linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"linuxParameters": {"capabilities": {"add": ["CAP_SYS_PTRACE", "SYS_ADMIN"]}}},
        {"privileged": "yes"},
    ],
)
@pytest.mark.parametrize("form", ["text", "objects"])
def test_a_container_with_rights_over_its_host_fails(broken: dict[str, Any], form: str) -> None:
    assert len(fails("C18", task(broken, form=form))) == 1


def test_what_a_task_shares_with_its_host_fails() -> None:
    assert len(fails("C18", task(pidMode="host"))) == 1
    assert len(fails("C18", task(ipcMode="host"))) == 1
    for path in ("/var/run/docker.sock", "/", "/etc/"):
        assert len(fails("C18", task(volumes=[{"name": "v", "hostPath": path}]))) == 1
    for harmless in ({"pidMode": "task"}, {"pidMode": None}, {"volumes": [{"hostPath": "/srv/models"}]}):
        assert passes("C18", task(**harmless))
    assert passes("C18", task({"privileged": False, "linuxParameters": None}))
    assert unchecked("C18", task(pidMode=UNKNOWN)) == ["pidMode"]


@pytest.mark.parametrize("said", [ABSENT, None, False, "false", 1])
def test_a_root_that_can_be_written_to_fails_but_on_windows(said: Any) -> None:
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
    assert len(fails("C18b", task({"readonlyRootFilesystem": said}))) == 1
    assert passes("C18b", task({"readonlyRootFilesystem": said}, runtimePlatform=windows))
    assert unchecked("C18b", task(runtimePlatform=UNKNOWN)) == ["runtimePlatform"]


@pytest.mark.parametrize("user", [ABSENT, None, "", "root", "0", "0:0", "root:agent", ":65532", 0, "00"])
def test_a_container_that_is_or_may_be_root_fails(user: Any) -> None:
    assert len(fails("C18c", task({"user": user}))) == 1


@pytest.mark.parametrize("user", ["agent", "65532", 65532, "1000:0"])
def test_a_container_of_a_plain_user_passes(user: Any) -> None:
    assert passes("C18c", task({"user": user}))


def role(name: str) -> Any:
    return resource("iam/role:Role", name, {"arn": f"arn:aws:iam::123456789012:role/{name}"})


@pytest.mark.parametrize("key", ["taskRoleArn", "executionRoleArn"])
@pytest.mark.parametrize("said", [ABSENT, None, ""])
def test_a_task_without_both_roles_fails(key: str, said: Any) -> None:
    assert len(fails("C19", task(**{key: said}))) == 1


def test_one_role_for_both_fails_be_its_arn_known_or_not() -> None:
    assert len(fails("C19", task(executionRoleArn=RUN))) == 1
    assert passes("C19", task(), role("run"), role("start"))
    unknown = {"taskRoleArn": UNKNOWN, "executionRoleArn": UNKNOWN, "containerDefinitions": "[]"}
    for other, expected in (("start", 0), ("run", 1)):
        made_from = {"taskRoleArn": ("run",), "executionRoleArn": (other,)}
        held = resource("ecs/taskDefinition:TaskDefinition", "task", unknown, made_from)
        assert len(fails("C19", held, role("run"), role("start"))) == expected
    assert unchecked("C19", task(taskRoleArn=UNKNOWN)) == ["taskRoleArn"]


@pytest.mark.parametrize(
    "broken",
    [
        {"environment": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]},
        {"environment": {"name": "ANY", "value": "AKIAIOSFODNN7EXAMPLE"}},
        {"secrets": [{"name": "API_KEY", "valueFrom": "0123456789abcdef"}]},
        {"command": ["serve", "--key=sk-ant-" + "a1" * 12]},
        {"entryPoint": ["postgres://agent:hunter2@db:5432/x"]},
        {"dockerLabels": {"token": "A-Long-Literal-1"}},
        {"logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "0f9a-11de-ab12"}}},
    ],
)
def test_a_secret_in_the_task_fails(broken: dict[str, Any]) -> None:
    assert len(fails("C20", task(broken))) == 1


def test_variables_that_are_none_pass_and_unknown_ones_are_not_checked() -> None:
    harmless = [{"name": "DB_PASSWORD"}, {"name": "MAX_TOKEN", "value": "4000"}]
    assert passes("C20", task({"environment": harmless, "secrets": None, "command": []}))
    unknown = task({"environment": [{"name": "A", "value": UNKNOWN}]}, form="objects")
    assert unchecked("C20", unknown) == ["containerDefinitions[0].environment[0].value"]


@pytest.mark.parametrize(
    "log",
    [
        ABSENT,
        None,
        {},
        {"logDriver": "none"},
        {"logDriver": "json-file"},
        {"logDriver": "awslogs"},
        "awslogs",
    ],
)
def test_a_container_without_a_log_fails(log: Any) -> None:
    assert len(fails("C21", task({"logConfiguration": log}))) == 1


def test_other_drivers_that_send_logs_away_pass() -> None:
    for driver in ("awsfirelens", "splunk", "fluentd"):
        assert passes("C21", task({"logConfiguration": {"logDriver": driver}}))


STARTERS: dict[str, tuple[str, ...]] = {
    "ecs/service:Service": (),
    "ecs/taskSet:TaskSet": (),
    "cloudwatch/eventTarget:EventTarget": ("ecsTarget",),
    "scheduler/schedule:Schedule": ("target", "ecsParameters"),
}


def starter(kind: str, **given: Any) -> Any:
    held = {**given}
    for key in reversed(STARTERS[kind]):
        held = {key: held}
    return resource(kind, "start", held)


@pytest.mark.parametrize("kind", STARTERS)
def test_tasks_without_public_addresses_pass_and_others_fail(kind: str) -> None:
    for network in (None, {}, {"assignPublicIp": False}, {"assignPublicIp": "false"}, {"subnets": ["s"]}):
        assert passes("C22", starter(kind, networkConfiguration=network))
    for public in (True, "true", "yes"):
        assert len(fails("C22", starter(kind, networkConfiguration={"assignPublicIp": public}))) == 1
    assert len(unchecked("C22", starter(kind, networkConfiguration=UNKNOWN))) == 1


@pytest.mark.parametrize("kind", STARTERS)
def test_a_platform_that_is_no_longer_mended_fails(kind: str) -> None:
    for version in (None, "", "LATEST", "1.4.0"):
        assert passes("C22", starter(kind, platformVersion=version))
    for version in ("1.3.0", "1.2.0", "9"):
        assert len(fails("C22", starter(kind, platformVersion=version))) == 1
    assert len(unchecked("C22", starter(kind, platformVersion="1.0.0"))) == 1


def test_windows_has_a_platform_of_its_own() -> None:
    for system, expected in (("WINDOWS_SERVER_2022_CORE", 0), ("LINUX", 1)):
        run_by = task(id="family", runtimePlatform={"operatingSystemFamily": system})
        held = {"platformVersion": "1.0.0", "taskDefinition": "family"}
        assert len(fails("C22", resource("ecs/service:Service", "s", held), run_by)) == expected


@pytest.mark.parametrize(("mode", "expected"), [("host", 1), ("Host", 1), ("bridge", 0), (None, 0)])
def test_a_task_on_its_hosts_network_fails(mode: Any, expected: int) -> None:
    assert len(fails("C22b", task(networkMode=mode))) == expected


def cluster(**given: Any) -> Any:
    measured = [{"name": "containerInsights", "value": "enabled"}]
    return resource("ecs/cluster:Cluster", "c", {"arn": "arn:c", "settings": measured, **given})


def test_a_cluster_with_insights_passes_and_one_without_fails() -> None:
    assert passes("C23", cluster())
    assert passes("C23", cluster(settings={"name": "containerInsights", "value": "enhanced"}))
    for settings in (None, [], [{"name": "containerInsights", "value": "disabled"}], [{"name": "other"}]):
        assert len(fails("C23", cluster(settings=settings))) == 1
    assert unchecked("C23", cluster(settings=UNKNOWN)) == ["settings"]


def entered(**given: Any) -> Any:
    held = {"cluster": "arn:c", "enableExecuteCommand": True, **given}
    return resource("ecs/service:Service", "s", held)


def sessions(**given: Any) -> Any:
    return cluster(configuration={"executeCommandConfiguration": {"kmsKeyId": "arn:key", **given}})


def test_sessions_are_judged_where_someone_may_enter() -> None:
    assert passes("C23b", cluster())
    assert passes("C23b", cluster(), entered(enableExecuteCommand=False))
    assert len(fails("C23b", cluster(), entered())) == 1
    assert passes("C23b", sessions(), entered())
    assert unchecked("C23b", cluster(), entered(enableExecuteCommand=UNKNOWN)) == ["enableExecuteCommand"]


@pytest.mark.parametrize(
    "broken",
    [
        {"kmsKeyId": None},
        {"logging": "NONE"},
        {"logging": "OVERRIDE"},
        {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "g"}},
        {
            "logging": "OVERRIDE",
            "logConfiguration": {"s3BucketName": "b", "s3BucketEncryptionEnabled": False},
        },
    ],
)
def test_sessions_that_are_not_kept_fail(broken: dict[str, Any]) -> None:
    assert len(fails("C23b", sessions(**broken))) == 1


def test_sessions_in_an_encrypted_log_pass() -> None:
    kept = {"cloudWatchLogGroupName": "g", "cloudWatchEncryptionEnabled": True}
    assert passes("C23b", sessions(logging="OVERRIDE", logConfiguration=kept))


def queue(seconds: Any, **given: Any) -> Any:
    held = {"url": "https://work", "name": "work", "arn": "arn:work", "visibilityTimeoutSeconds": seconds}
    return resource("sqs/queue:Queue", "work", changed(held, **given))


def believing(seconds: Any, stop: int = 110) -> dict[str, Any]:
    named = [*CONTAINER["environment"], {"name": "AGENT_VISIBILITY_SECONDS", "value": seconds}]
    return {"environment": named, "stopTimeout": stop}


def test_a_worker_that_stops_before_its_messages_show_again_passes() -> None:
    assert passes("AG11b", task(), queue(21))
    assert passes("AG11b", task({"stopTimeout": ABSENT}), queue(31))
    assert passes("AG11b", task({"environment": [{"name": "Q", "value": "work"}]}), queue("21"))


@pytest.mark.parametrize(
    ("stop", "seconds"), [(20, 20), (20, 0), (ABSENT, 30), (ABSENT, ABSENT), (120, 90), (20, 43_201)]
)
def test_a_worker_that_holds_messages_that_show_again_fails(stop: Any, seconds: Any) -> None:
    assert len(fails("AG11b", task({"stopTimeout": stop}), queue(seconds))) == 1


def test_a_worker_that_beats_may_stop_slowly_but_needs_three_beats() -> None:
    assert passes("AG11b", task(believing("90")), queue(90))
    assert len(fails("AG11b", task(believing("90")), queue(89))) == 1
    assert len(fails("AG11b", task(believing("often")), queue(90))) == 1


def test_other_tasks_and_other_queues_are_not_judged() -> None:
    assert passes("AG11b", task({"stopTimeout": 120}, tags={}), queue(30))
    assert passes("AG11b", task(), queue(1, url="https://other", name="other", arn="arn:other"))
    dead = {"name": "work", "redrivePolicy": json.dumps({"deadLetterTargetArn": "arn:work"})}
    source = resource("sqs/queue:Queue", "source", {**dead, "name": "source"})
    assert passes("AG11b", task(), queue(1), source)
    assert unchecked("AG11b", task(), queue(UNKNOWN)) == ["visibilityTimeoutSeconds"]


def test_a_task_belongs_to_an_agent_by_its_service_too() -> None:
    service = resource("ecs/service:Service", "s", {"taskDefinition": "arn:task", "tags": AGENT})
    assert len(fails("AG11b", task(arn="arn:task", tags={}), service, queue(20))) == 1


@pytest.mark.parametrize(
    ("stop", "needed", "late"),
    [
        (110, "110", False),
        (110, 90, False),
        (ABSENT, "30", False),
        (109, "110", True),
        (ABSENT, 31, True),
        (0, 1, True),
    ],
)
def test_a_worker_has_the_time_that_it_needs_to_hand_its_run_over(stop: Any, needed: Any, late: bool) -> None:
    held = believing("90")["environment"] + [{"name": "AGENT_STOP_SECONDS", "value": needed}]
    container = {"environment": held, "stopTimeout": stop}
    assert len(fails("AG11b", task(container), queue(90))) == late
    assert passes("AG11b", task(container, tags={}), queue(90))
    assert passes("AG11b", task(container)), "no queue"


@pytest.mark.parametrize(
    "kept",
    [None, {}, {"capabilities": {}}, {"capabilities": {"drop": []}}, {"capabilities": {"drop": ["NET_RAW"]}}],
)
def test_containers_of_tasks_drop_capabilities(kept: Any) -> None:
    assert len(fails("C18d", task({"linuxParameters": kept}))) == 1
    windows = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}
    assert passes("C18d", task({"linuxParameters": kept}, runtimePlatform=windows))
    assert passes("C18d", task({"linuxParameters": {"capabilities": {"drop": ["all"], "add": ["CHOWN"]}}}))


def test_a_release_that_cannot_start_is_taken_back() -> None:
    def service(**given: Any) -> Any:
        held = {"tags": AGENT, "deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        return resource("ecs/service:Service", "s", changed(held, **given))

    assert passes("AG23c", service())
    assert passes("AG23c", service(deploymentCircuitBreaker=[{"enable": "true", "rollback": "true"}]))
    for bad in (
        ABSENT,
        None,
        {},
        {"enable": True},
        {"rollback": True},
        {"enable": True, "rollback": "false"},
        "on",
    ):
        assert len(fails("AG23c", service(deploymentCircuitBreaker=bad))) == 1
        assert passes("AG23c", service(deploymentCircuitBreaker=bad, tags={}))
        assert passes(
            "AG23c", service(deploymentCircuitBreaker=bad, deploymentController={"type": "CODE_DEPLOY"})
        )
    unknown = service(deploymentCircuitBreaker=UNKNOWN)
    assert unchecked("AG23c", unknown) == ["deploymentCircuitBreaker"]
