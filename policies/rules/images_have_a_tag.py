"""C47: an image is named by more than `latest`."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._images import Image, of_images
from ._pods import PODS


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every image of a pod. Without tag and digest it is `latest`:
    https://kubernetes.io/docs/concepts/containers/images/"""
    return of_images(resource, _tagged)


def _tagged(image: Image) -> Iterator[Fail]:
    if not image.text:
        yield Fail("no image is named.", image.path)
    elif not image.digest and image.tag in ("", "latest"):
        yield Fail(f"{image.text} is whatever was pushed last.", image.path)


RULE = ResourceRule(
    id="C47",
    name="images-have-a-tag",
    title="Images of pods have a tag other than latest, or a digest",
    why="Two pods of one release run different code, and a rollback rolls back nothing.",
    remediation="Name the image by its digest, or by a tag that never moves.",
    severity=Severity.HIGH,
    types=PODS,
    external={"Checkov": ("CKV_K8S_14",), "kube-linter": ("latest-tag",)},
    sources=("https://kubernetes.io/docs/concepts/containers/images/",),
    check=check,
)
