"""People who look after a deployment, each with a role of their own that has one policy and nothing else."""

import json
import os
import subprocess
from typing import Any

from tests.end_to_end.deployments import COMMAND, Deployment

_SECONDS = 240
_STACK = "dev"
"""Another name than `local`, whose commands are the administrator's."""
_PULUMI = """#!/bin/sh
exec cat "{outputs}"
"""


class Person:
    """Calls the command line as on a machine of their own: with outputs of the stack and a role's keys."""

    def __init__(self, deployment: Deployment, policy_arn: str, role: str) -> None:
        """The role is made, and named as components name theirs."""
        iam = deployment.client("iam")
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        trust["Principal"] = {"AWS": f"arn:aws:iam::{policy_arn.split(':')[4]}:root"}  # type: ignore[assignment]
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        name = f"{role}-0a1b2c3"
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
        held = deployment.client("sts").assume_role(RoleArn=made, RoleSessionName="ann")["Credentials"]
        self._folder = deployment.root
        self.env = {
            **{k: v for k, v in deployment.env().items() if not k.startswith("PULUMI_")},
            "PATH": f"{self._machine(deployment, role)}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{deployment.cloud()['gateway_port']}",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": held["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": held["SecretAccessKey"],
            "AWS_SESSION_TOKEN": held["SessionToken"],
        }

    def run(self, *words: str, ends_with: int = 0) -> str:
        """What the command printed; fails the test when it ends otherwise."""
        done = subprocess.run(
            [str(COMMAND), *words, "--stack", _STACK],
            cwd=self._folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said = done.stdout + done.stderr
        assert done.returncode == ends_with, (words, said)
        assert "Traceback" not in said, said
        return done.stdout if ends_with == 0 else said

    def json(self, *words: str, ends_with: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", ends_with=ends_with))

    @staticmethod
    def _machine(deployment: Deployment, role: str) -> str:
        """A folder with a `pulumi` that knows what the stack exports, as `pulumi stack output` prints it."""
        folder = deployment.root / ".agent-hosting" / f"machine-of-{role}"
        folder.mkdir(parents=True)
        outputs, pulumi = folder / "outputs.json", folder / "pulumi"
        outputs.write_text(json.dumps(deployment.status()["agents"]))
        pulumi.write_text(_PULUMI.format(outputs=outputs))
        pulumi.chmod(0o755)
        return str(folder)


def operator(deployment: Deployment) -> Person:
    """With the policy that the platform makes for people who look after its agents."""
    policies = deployment.client("iam").list_policies(Scope="Local")["Policies"]
    (arn,) = [str(p["Arn"]) for p in policies if p["PolicyName"].startswith("platform-operator-")]
    return Person(deployment, arn, "people-operator")
