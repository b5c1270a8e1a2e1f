"""A Pulumi provider for the `kubernetes` package: server-side apply against the API server that is given."""

from embedded_kubernetes.provider.server import serve

__all__ = ["serve"]
