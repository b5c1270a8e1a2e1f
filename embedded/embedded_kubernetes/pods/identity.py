"""EKS Pod Identity: the credentials of the role that a recorded association gives a pod's ServiceAccount.

https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.authorizer import service_principals
from embedded_aws.functions.sandbox import Issue
from embedded_aws.provider.recorded import Records
from embedded_aws.tasks.role_credentials import RoleCredentials

HOST = "127.0.0.1"
_TOKEN = "aws:eks/podIdentityAssociation:PodIdentityAssociation"  # noqa: S105 - a resource type
_SERVICE = "pods.eks.amazonaws.com"
_NEEDED = ("sts:AssumeRole", "sts:TagSession")


@dataclass(frozen=True)
class Association:
    arn: str
    cluster: str
    role_arn: str


@dataclass(frozen=True)
class _Known:
    association: Association
    namespace: str
    account: str
    credentials: RoleCredentials


def associated(records: Records, namespace: str, service_account: str) -> Association | None:
    """Of whichever EKS cluster: all of them show this one API server."""
    for token, resource_id in records.listed():
        held = records.read(resource_id) if token == _TOKEN else None
        if held and (held["namespace"], held["serviceAccount"]) == (namespace, service_account):
            return Association(held["associationArn"], held["clusterName"], held["roleArn"])
    return None


def untrusted(association: Association, namespace: str, service_account: str) -> str | None:
    """Why the service may not take the role for this ServiceAccount; None if it may."""
    context = {
        "aws:sourcearn": (association.arn.replace("podidentityassociation", "cluster").rsplit("/", 1)[0],),
        "aws:sourceaccount": (association.role_arn.split(":")[4],),
        "aws:requesttag/eks-cluster-name": (association.cluster,),
        "aws:requesttag/kubernetes-namespace": (namespace,),
        "aws:requesttag/kubernetes-service-account": (service_account,),
    }
    missing = [
        action
        for action in _NEEDED
        if not service_principals.permits(_SERVICE, action, association.role_arn, context)
    ]
    if not missing:
        return None
    return (
        f"the trust policy of {association.role_arn} does not let {_SERVICE} do {' and '.join(missing)}: "
        f"ServiceAccount {namespace}/{service_account} gets no credentials"
    )


class PodIdentity:
    """The Pod Identity agent of the nodes: one HTTP server on the loopback interface."""

    def __init__(self, records: Records, issue: Issue, log: Callable[[str], None]) -> None:
        self._records, self._issue, self._log = records, issue, log
        self._known: dict[str, _Known] = {}
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server = make_server(HOST, 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._serve, name="pod-identity", daemon=True)
        self._thread.start()

    def variables(self, namespace: str, service_account: str, pod: str) -> dict[str, str]:
        """What EKS adds to a pod whose ServiceAccount has an association; nothing for any other.

        EKS gives the token in a file, which it renews; a loopback address takes it as a variable too.
        """
        association = associated(self._records, namespace, service_account)
        if association is None:
            return {}
        token = secrets.token_urlsafe(32)
        credentials = RoleCredentials(association.role_arn, f"eks-{pod}"[:64], self._issue, time.time)
        self._known[token] = _Known(association, namespace, service_account, credentials)
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{HOST}:{self._server.server_port}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }

    def forget(self, variables: dict[str, str]) -> None:
        self._known.pop(variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""), None)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def _answer(self, environ: Any, start_response: Any) -> Any:
        """The association is looked at again: one that was taken away gives no new credentials."""
        request = Request(environ)
        known = self._known.get(request.headers.get("Authorization", ""))
        problem = "the token is none that this agent gave"
        if known is not None:
            problem = f"ServiceAccount {known.namespace}/{known.account} has no Pod Identity association"
            if associated(self._records, known.namespace, known.account) == known.association:
                problem = untrusted(known.association, known.namespace, known.account)
        if problem is None and known is not None:
            said, status = json.dumps(known.credentials.answer()), 200
        else:
            self._log(f"Pod Identity: {problem}")
            said, status = json.dumps({"code": "AccessDeniedException", "message": problem}), 403
        return Response(said, status, content_type="application/json")(environ, start_response)
