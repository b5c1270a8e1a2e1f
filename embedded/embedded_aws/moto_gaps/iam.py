"""AWS IAM: policies that AWS itself keeps, such as AmazonEKSClusterPolicy. moto loads all of them or none;
here each comes with its first use."""

import json
from functools import lru_cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

from embedded_aws.patches import Replacement

_OF_AWS = ":iam::aws:policy/"


def replacements() -> list[Replacement]:
    attach = IAMBackend.attach_role_policy

    def attach_role_policy(backend: IAMBackend, policy_arn: str, role_name: str) -> None:
        _, found, path = policy_arn.partition(_OF_AWS)
        known = _kept_by_aws().get(path.rsplit("/", 1)[-1]) if found else None
        if known is not None and policy_arn not in backend.managed_policies:
            name = path.rsplit("/", 1)[-1]
            policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, known)
            backend.managed_policies[policy.arn] = policy
        attach(backend, policy_arn, role_name)

    return [(IAMBackend, "attach_role_policy", attach_role_policy)]


@lru_cache(maxsize=1)
def _kept_by_aws() -> dict[str, Any]:
    return json.loads(aws_managed_policies_data)
