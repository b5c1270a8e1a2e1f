"""Runs the scheduled rules of EventBridge."""

from embedded_aws.schedules.schedules import Schedules

__all__ = ["Schedules"]
