"""AWS as a role sees it: clients that go through the gateway, where each call is judged."""

import threading
from typing import Any, cast

import boto3
from botocore.config import Config

from embedded_aws.functions.sandbox import Issue

_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})


class RoleClients:
    def __init__(self, issue: Issue, endpoint_url: str) -> None:
        self._issue, self._endpoint_url = issue, endpoint_url
        self._session, self._lock = boto3.Session(), threading.Lock()

    def client(self, service: str, region: str, role_arn: str, session_name: str) -> Any:
        """A client with the role's credentials, which are new each time."""
        role = self._issue(role_arn, session_name)
        with self._lock:  # a session makes one client at a time
            return self._session.client(
                cast(Any, service),
                region_name=region,
                endpoint_url=self._endpoint_url,
                aws_access_key_id=role.access_key_id,
                aws_secret_access_key=role.secret_access_key,
                aws_session_token=role.session_token,
                config=_CONFIG,
            )
