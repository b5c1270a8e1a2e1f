"""C47b: an image is named by its digest, which is its content."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._images import Image, of_images
from ._pods import PODS


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every image of a pod."""
    return of_images(resource, _pinned)


def _pinned(image: Image) -> Iterator[Fail]:
    if not image.digest:
        yield Fail(f"{image.text or 'the image'} has no digest.", image.path)


RULE = ResourceRule(
    id="C47b",
    name="images-are-pinned",
    title="Images of pods are pinned by digest",
    why="A tag can be moved to code that nobody reviewed; a digest cannot.",
    remediation="Write name@sha256:…, as the registry tells after a push.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=PODS,
    external={"Checkov": ("CKV_K8S_43",)},
    sources=("https://kubernetes.io/docs/concepts/containers/images/",),
    check=check,
)
