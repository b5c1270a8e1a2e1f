"""Which services moto has. It lists its own folder with each request; that does not change while it runs."""

from moto import backends

from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    names = frozenset(backends.list_of_moto_modules())
    return [(backends, "list_of_moto_modules", lambda: names)]
