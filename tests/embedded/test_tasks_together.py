"""Pulumi deploys a service to the embedded cloud as a whole, which runs it until it is destroyed."""

import hashlib
from pathlib import Path
from typing import Any

from tests.embedded.conftest import NewStack
from tests.embedded.functions_world import package
from tests.embedded.provider_world import RunningCloud
from tests.embedded.tasks_world import WAITS

TELLS = (
    """
import os, boto3
boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="a task runs")
"""
    + WAITS
)
FAILS = "print('no such model', flush=True)\nraise SystemExit(9)\n"

PROGRAM = """
role = aws.iam.Role("role", assume_role_policy=trust("ecs-tasks.amazonaws.com"))
queue = aws.sqs.Queue("queue")
group = aws.cloudwatch.LogGroup("group")
statements = pulumi.Output.all(queue.arn, group.arn).apply(lambda arns: json.dumps({{
    "Version": "2012-10-17", "Statement": [
        {{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arns[0]}},
        {{"Effect": "Allow", "Action": "logs:CreateLogStream", "Resource": arns[1] + ":*"}}]}}))
policy = aws.iam.RolePolicy("policy", role=role.name, policy=statements)
cluster = aws.ecs.Cluster("cluster")
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24")
firewall = aws.ec2.SecurityGroup("firewall", vpc_id=vpc.id)
task = aws.ecs.TaskDefinition("task", family=f"{{stack_id}}-worker", cpu="256", memory="512",
    network_mode="awsvpc", requires_compatibilities=["FARGATE"],
    task_role_arn=role.arn, execution_role_arn=role.arn,
    container_definitions=pulumi.Output.json_dumps([{{
        "name": "agent", "image": "this-machine/agent@sha256:{digest}", "command": ["python", "main.py"],
        "dockerLabels": {{"agent-hosting.archive": {archive!r}}}, "stopTimeout": 5,
        "environment": [{{"name": "QUEUE", "value": queue.url}}],
        "logConfiguration": {{"logDriver": "awslogs", "options": {{
            "awslogs-group": group.name, "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}}}}}}]))
service = aws.ecs.Service("service", cluster=cluster.arn, task_definition=task.arn, desired_count=1,
    launch_type="FARGATE", wait_for_steady_state=True,
    deployment_circuit_breaker={{"enable": True, "rollback": True}},
    network_configuration={{"subnets": [subnet.id], "security_groups": [firewall.id]}},
    opts=Opts(depends_on=[policy]))
pulumi.export("queue", queue.url)
pulumi.export("cluster", cluster.name)
"""


def program(folder: Path, code: str) -> str:
    zipped = package({"main.py": code})
    digest = hashlib.sha256(zipped).hexdigest()
    (folder / f"{digest}.zip").write_bytes(zipped)
    return PROGRAM.format(digest=digest, archive=str(folder / f"{digest}.zip"))


def test_a_service_runs_is_rolled_back_and_goes_with_its_stack(
    new_stack: NewStack, provider_cloud: RunningCloud, tmp_path: Path
) -> None:
    stack = new_stack(program(tmp_path, TELLS))
    stack.up()
    held = stack.outputs()
    sqs: Any = provider_cloud.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=held["queue"], WaitTimeSeconds=20)["Messages"]
    assert message["Body"] == "a task runs"

    said = stack.program(program(tmp_path, FAILS)).up(ok=False).errors()["service"]
    assert "deployment failed: tasks failed to start." in said
    assert "container agent ended with exit code 9" in said
    assert "no such model" in said
    ecs: Any = provider_cloud.client("ecs")
    (service,) = ecs.list_services(cluster=held["cluster"])["serviceArns"]
    (found,) = ecs.describe_services(cluster=held["cluster"], services=[service])["services"]
    assert (found["runningCount"], len(found["deployments"])) == (1, 1)

    stack.destroy()
    (found,) = ecs.describe_services(cluster=held["cluster"], services=[service])["services"]
    assert (found["status"], found["runningCount"]) == ("INACTIVE", 0)
