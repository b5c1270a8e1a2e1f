"""Polls the queues that are event sources of functions, as the Lambda service does."""

from embedded_aws.pollers.access import RoleAccess
from embedded_aws.pollers.pollers import Pollers

__all__ = ["Pollers", "RoleAccess"]
