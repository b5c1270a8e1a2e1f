"""Amazon S3: who may call."""

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    def permit(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
        """moto takes a denial for unencrypted connections to deny all; the authorizer has judged before."""
        return PermissionResult.NEUTRAL

    return [(FakeBucket, "get_permission", permit)]
