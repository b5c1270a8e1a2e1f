"""Who bears an EKS token: a session of a role, and what the cluster's access entries make of it."""

from embedded_kubernetes.tokens.review import Bearer, TokenReviewer

__all__ = ["Bearer", "TokenReviewer"]
