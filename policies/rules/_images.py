"""Images that a pod runs, and how they are named."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ..framework.values import View
from ._pods import Container, Pod, judged

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


@dataclass(frozen=True)
class Image:
    """`tag` is "" where none is given: the runtime takes `latest` then."""

    text: str
    path: str
    tag: str
    digest: str


def of_images(resource: Resource, check: Callable[[Image], Iterator[Fail]]) -> Iterator[Fail]:
    """What `check` says of the images of all containers and volumes."""

    def volumes(pod: Pod) -> Iterator[Fail]:
        for volume in pod.spec.views("volumes"):
            if volume.says("image"):
                yield from check(_read(volume.view("image"), "reference"))

    def container(held: Container) -> Iterator[Fail]:
        held.pod.whole(held.view, "image")
        yield from check(_read(held.view, "image"))

    return judged(resource, (volumes,), (container,))


def _read(view: View, key: str) -> Image:
    text = view.text(key)
    name, _, digest = text.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]  # a colon before the last slash is a registry's port
    return Image(text, view.at(key), tag, digest if _DIGEST.fullmatch(digest) else "")
