"""Secrets that exactly one agent can read."""

import re
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting._keys import delegate_to_account, deployer_arn
from agent_hosting._validation import Inputs
from agent_hosting.statements import Statement, policy

_SECRET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class SecretScopeArgs(TypedDict):
    reader_role_arn: pulumi.Input[str]
    """The role that may read the secrets."""
    further_reader_arns: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Roles that read for it, such as the execution role that fills a container's variables. Defaults to
    none."""
    secrets: dict[str, pulumi.Input[str]]
    """Value by name. Give values as Pulumi secrets (`config.require_secret`). An empty value makes the
    secret and leaves its value to you."""
    deployer_arns: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Roles that may read the values too, since Pulumi's refresh does. Defaults to whoever deploys: name
    them when several do."""
    rotation_function_arn: NotRequired[pulumi.Input[str]]
    """Function that rotates the values. Omit for secrets that are rotated by hand."""
    rotation_days: NotRequired[int]
    """Days between rotations, 1 to 90. Defaults to 30; used only with `rotation_function_arn`."""
    recovery_days: NotRequired[int]
    """Days that a deleted secret can still be had back: 7 to 30, or 0 for none. Defaults to 30."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


class SecretScope(pulumi.ComponentResource):
    """Secrets under a key of their own; everyone but one role and the deployers is denied their values."""

    secret_arns: pulumi.Output[dict[str, str]]
    """ARN of each secret by its name."""
    key_arn: pulumi.Output[str]
    """The key that encrypts them: a reader needs `kms:Decrypt` on it through Secrets Manager."""

    def __init__(self, name: str, args: SecretScopeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:SecretScope", name, {}, opts)
        inputs = Inputs("SecretScope", name, args)
        inputs.known(SecretScopeArgs.__annotations__)
        inputs.lists("deployer_arns", "further_reader_arns")
        inputs.required("reader_role_arn", "Give the agent's role: identity.role_arn.")
        values: dict[str, Any] = dict(inputs.required("secrets", "Give name: value pairs."))  # type: ignore[arg-type]
        for secret in values:
            if not _SECRET_NAME.fullmatch(secret):
                raise inputs.refuse(
                    "secrets", secret, "a name is 1 to 64 letters, digits, '_', '.' and '-'", "Rename it."
                )
        recovery_days = int(
            inputs.number("recovery_days", 30, least=0, most=30, way_out="Use 7 to 30, or 0.")
        )
        if 0 < recovery_days < 7:
            raise inputs.refuse(
                "recovery_days", recovery_days, "Secrets Manager takes 7 to 30, or 0", "Use 7."
            )
        rotation_days = int(
            inputs.number("rotation_days", 30, least=1, most=90, way_out="Rotate at least each quarter.")
        )
        child = pulumi.ResourceOptions(parent=self)

        key = aws.kms.Key(
            name,
            description=f"Secrets of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=max(recovery_days, 7),
            policy=policy([delegate_to_account(self)]),
            tags=args.get("tags"),
            opts=child,
        )
        readers = pulumi.Output.all(
            args["reader_role_arn"],
            pulumi.Output.from_input(args.get("further_reader_arns") or []),
            pulumi.Output.from_input(args.get("deployer_arns") or [deployer_arn(self)]),
        ).apply(lambda given: sorted({given[0], *given[1], *given[2]}))

        arns: dict[str, pulumi.Output[str]] = {}
        for secret, value in values.items():
            held = aws.secretsmanager.Secret(
                f"{name}-{secret}",
                kms_key_id=key.arn,
                recovery_window_in_days=recovery_days,
                tags=args.get("tags"),
                opts=child,
            )
            guard = aws.secretsmanager.SecretPolicy(
                f"{name}-{secret}-policy",
                secret_arn=held.arn,
                policy=policy([deny_all_but(readers)]),
                opts=child,
            )
            if value not in (None, ""):
                # After the policy: there is no moment in which a value lies unguarded.
                aws.secretsmanager.SecretVersion(
                    f"{name}-{secret}-value",
                    secret_id=held.id,
                    secret_string=pulumi.Output.secret(value),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[guard]),
                )
            if args.get("rotation_function_arn") is not None:
                aws.secretsmanager.SecretRotation(
                    f"{name}-{secret}-rotation",
                    secret_id=held.id,
                    rotation_lambda_arn=args["rotation_function_arn"],  # type: ignore[typeddict-item]
                    rotation_rules={"automatically_after_days": rotation_days},
                    opts=child,
                )
            arns[secret] = held.arn

        self.secret_arns, self.key_arn = pulumi.Output.all(**arns).apply(dict), key.arn
        self.register_outputs({"secret_arns": self.secret_arns, "key_arn": self.key_arn})


def deny_all_but(principal_arns: pulumi.Input[Sequence[str]]) -> Statement:
    """An explicit deny wins over every allow, an administrator's too."""
    return {
        "Sid": "OnlyTheAgentReads",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"],
        # In a secret's own policy "*" means that secret.
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": principal_arns}},
    }
