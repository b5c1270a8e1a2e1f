"""botocore's models of the services, found by the name that signs their requests."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel


@dataclass(frozen=True)
class Service:
    """The metadata of one service model."""

    name: str
    """botocore's name: `stepfunctions`."""
    signing_name: str
    """The name in the credential scope: `states`."""
    protocol: str
    target_prefix: str | None
    api_version: str


@cache
def model(name: str) -> ServiceModel:
    return ServiceModel(_loader().load_service_model(name, "service-2"), name)


def signed_as(signing_name: str) -> tuple[Service, ...]:
    """The services that share a signing name; the one that is called so comes first."""
    return _by_signing_name().get(signing_name, ())


@cache
def _by_signing_name() -> Mapping[str, tuple[Service, ...]]:
    found: defaultdict[str, list[Service]] = defaultdict(list)
    loader = _loader()
    for name in loader.list_available_services("service-2"):
        service = _service(name, _metadata(loader, name))
        found[service.signing_name].append(service)
    return {
        signing_name: tuple(sorted(services, key=lambda s: (s.name != signing_name, s.name)))
        for signing_name, services in found.items()
    }


def _service(name: str, metadata: Mapping[str, Any]) -> Service:
    return Service(
        name=name,
        signing_name=metadata.get("signingName") or metadata["endpointPrefix"],
        protocol=metadata["protocol"],
        target_prefix=metadata.get("targetPrefix"),
        api_version=metadata.get("apiVersion", ""),
    )


@cache
def _loader() -> Loader:
    return Loader()


_METADATA = re.compile(r'"metadata"\s*:\s*(?=\{)')


def _metadata(loader: Loader, name: str) -> Mapping[str, Any]:
    """From the first lines of the file where they hold it: all 400 models in full would take seconds."""
    version = loader.determine_latest_version(name, "service-2")
    for folder in loader.search_paths:
        path = Path(folder, name, version, "service-2.json.gz")
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                head = lines.read(4096)
            if begin := _METADATA.search(head):
                try:
                    return json.JSONDecoder().raw_decode(head, begin.end())[0]
                except json.JSONDecodeError:
                    break
    return loader.load_service_model(name, "service-2")["metadata"]
