"""C25: images are scanned when they are pushed, and a tag names one image for ever."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._repositories import REPOSITORY

_REGISTRY = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
_WHEN_PUSHED = ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")


def check(repository: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default AWS scans nothing and lets tags move. Under enhanced scanning the registry's filters decide,
    and a repository's own setting counts for nothing."""
    registries = stack.of(_REGISTRY)
    scanned = any(_scans(registry, repository) for registry in registries)
    if not scanned and not any(_is_enhanced(registry) for registry in registries):
        scanned = repository.view.view("imageScanningConfiguration").flag("scanOnPush", False)
    if not scanned:
        yield Fail("images are not scanned when they are pushed.", "imageScanningConfiguration.scanOnPush")
    kind = repository.view.text("imageTagMutability", "MUTABLE")
    if not kind.startswith("IMMUTABLE"):
        yield Fail("a tag can be moved to another image.", "imageTagMutability")
    for excluded in repository.view.views("imageTagMutabilityExclusionFilters"):
        if kind.startswith("IMMUTABLE") and not excluded.text("filter").strip("*"):
            yield Fail("every tag is excluded from being immutable.", excluded.at("filter"))


def _is_enhanced(registry: Resource) -> bool:
    return registry.view.text("scanType", "BASIC") == "ENHANCED"


def _scans(registry: Resource, repository: Resource) -> bool:
    for rule in registry.view.views("rules"):
        if rule.text("scanFrequency") not in _WHEN_PUSHED:
            continue
        for covered in rule.views("repositoryFilters"):
            pattern = covered.text("filter")
            if pattern == "*":
                return True
            if not (name := repository.view.text("name")):
                raise NotKnown("name")
            # A filter without a star stands for every name that holds it.
            if matches(pattern if "*" in pattern else f"*{pattern}*", name):
                return True
    return False


RULE = StackRule(
    id="C25",
    name="repositories-are-scanned-and-immutable",
    title="Image repositories scan on push and keep tags where they are",
    why="A rollback must run the code that it names, and that code must be known not to be vulnerable.",
    remediation="Set image_scanning_configuration.scan_on_push and image_tag_mutability to IMMUTABLE.",
    severity=Severity.HIGH,
    types=types(REPOSITORY),
    external={
        "Checkov": ("CKV_AWS_51", "CKV_AWS_163"),
        "Security Hub": ("ECR.1", "ECR.2"),
        "Trivy": ("AWS-0030", "AWS-0031"),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
        "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html",
    ),
    check=check,
)
