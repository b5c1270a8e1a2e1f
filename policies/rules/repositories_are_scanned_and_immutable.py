"""C25: images are scanned when they are pushed, and a tag names one image for ever."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(repository: Resource) -> Iterable[Fail]:
    """By default AWS scans nothing and lets tags move."""
    if not repository.view.view("imageScanningConfiguration").flag("scanOnPush", False):
        yield Fail("images are not scanned when they are pushed.", "imageScanningConfiguration.scanOnPush")
    kind = repository.view.text("imageTagMutability", "MUTABLE")
    if not kind.startswith("IMMUTABLE"):
        yield Fail("a tag can be moved to another image.", "imageTagMutability")


RULE = ResourceRule(
    id="C25",
    name="repositories-are-scanned-and-immutable",
    title="Image repositories scan on push and keep tags where they are",
    why="A rollback must run the code that it names, and that code must be known not to be vulnerable.",
    remediation="Set image_scanning_configuration.scan_on_push and image_tag_mutability to IMMUTABLE.",
    severity=Severity.HIGH,
    types=types("ecr/repository:Repository"),
    external={
        "Checkov": ("CKV_AWS_51", "CKV_AWS_163"),
        "Security Hub": ("ECR.1", "ECR.2"),
    },
    sources=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",),
    check=check,
)
