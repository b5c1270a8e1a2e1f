"""Runs the scheduled rules of EventBridge, and the schedules of EventBridge Scheduler."""

from embedded_aws.schedules.calls import ScheduledCalls
from embedded_aws.schedules.schedules import Schedules

__all__ = ["ScheduledCalls", "Schedules"]
