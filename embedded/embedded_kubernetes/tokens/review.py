"""Answers the API server's question who bears a token.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from embedded_kubernetes.tokens.entries import ASSOCIATION, ENTRY, MASTERS, User, user_of
from embedded_kubernetes.tokens.presigned import NotAToken, Presigned, presigned

Recorded = Callable[[str], Iterable[Mapping[str, Any]]]
"""What Pulumi recorded of one type."""


@dataclass(frozen=True)
class Bearer:
    """Whose an access key is."""

    secret_access_key: str = field(repr=False)
    role_arn: str | None
    """None for the administrator of the embedded cloud, who created its clusters."""
    session_name: str = ""


class TokenReviewer:
    """One API server stands for every EKS cluster here: the signature says which of them a token is for."""

    def __init__(
        self,
        find: Callable[[str, str | None], Bearer | None],
        recorded: Recorded,
        clusters: Callable[[], Iterable[str]],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`find` knows the bearer of (access key id, session token)."""
        self._find, self._recorded, self._clusters, self._clock = find, recorded, clusters, clock

    def review(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The TokenReview `asked`, with its status."""
        try:
            user = self._user(asked["spec"]["token"])
        except NotAToken as error:
            status: dict[str, Any] = {"authenticated": False, "error": str(error)}
        else:
            status = {"authenticated": True, "user": {"username": user.name, "groups": list(user.groups)}}
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}

    def _user(self, token: str) -> User:
        claimed = presigned(token, self._clock())
        bearer = self._find(claimed.access_key_id, claimed.session_token)
        if bearer is None:
            raise NotAToken(f"nobody has the access key {claimed.access_key_id}")
        cluster = self._cluster(claimed, bearer)
        if bearer.role_arn is None:
            return User("kubernetes-admin", (MASTERS,))
        user = user_of(
            cluster,
            bearer.role_arn,
            bearer.session_name,
            entries=self._recorded(ENTRY),
            associations=self._recorded(ASSOCIATION),
        )
        if user is None:
            raise NotAToken(f"the cluster {cluster} has no access entry for {bearer.role_arn}")
        return user

    def _cluster(self, claimed: Presigned, bearer: Bearer) -> str:
        names = list(self._clusters())
        for name in names:
            if claimed.is_signed_for(name, bearer.secret_access_key):
                return name
        known = ", ".join(names) or "none"
        raise NotAToken(f"its signature is not right for any cluster here ({known})")
