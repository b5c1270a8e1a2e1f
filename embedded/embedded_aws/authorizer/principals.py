"""Who calls, and whether a resource's policy speaks of them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

Principals = Mapping[str, tuple[str, ...]]
"""Kind (AWS, Service, Federated, ...) -> names."""


class Grant(IntEnum):
    """How closely a policy names the caller, the loosest first."""

    NONE = 0
    ACCOUNT = 1
    """The account's root: identity policies decide."""
    ROLE = 2
    """The role: grants by itself, within the permissions boundary."""
    DIRECT = 3
    """The session itself, or everyone: neither identity policies nor the boundary limit it."""


@dataclass(frozen=True)
class Principal:
    """A session of a role."""

    account: str
    role_arn: str
    session_name: str
    role_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def arn(self) -> str:
        role = self.role_arn.rsplit("/", 1)[-1]
        return f"arn:aws:sts::{self.account}:assumed-role/{role}/{self.session_name}"

    def context(self) -> dict[str, tuple[str, ...]]:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
        keys = {
            "aws:principalarn": (self.role_arn,),
            "aws:principalaccount": (self.account,),
            "aws:principaltype": ("AssumedRole",),
            "aws:principalisawsservice": ("false",),
            **{f"aws:principaltag/{key.lower()}": (value,) for key, value in self.tags.items()},
        }
        if self.role_id:
            keys["aws:userid"] = (f"{self.role_id}:{self.session_name}",)
        return keys


def grant_to(principal: Principal, named: Principals) -> Grant:
    """The closest way in which `named` includes the caller. A wildcard inside an ARN is no wildcard here."""
    return max((_grant(principal, name) for name in named.get("AWS", ())), default=Grant.NONE)


def spares(principal: Principal, named: Principals) -> bool:
    """Whether a Deny with NotPrincipal spares the caller: account, role and session must all be listed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
    """
    listed = {_grant(principal, name) for name in named.get("AWS", ())}
    return "*" in named.get("AWS", ()) or listed >= {Grant.ACCOUNT, Grant.ROLE, Grant.DIRECT}


def _grant(principal: Principal, name: str) -> Grant:
    if name in {"*", principal.arn}:
        return Grant.DIRECT
    if name in {principal.role_arn, principal.role_id} - {""}:
        return Grant.ROLE
    if name in {principal.account, f"arn:aws:iam::{principal.account}:root"}:
        return Grant.ACCOUNT
    return Grant.NONE
