"""Refuses wrong input at construction, in words that name the input, the value, the limit and a way out."""

import math
import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, TypeVar

import pulumi

AGENT_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_LOG_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_Kind = TypeVar("_Kind", bound=Enum)


class InputError(pulumi.RunError):
    """A mistake in what the user gave. A RunError: Pulumi prints its text and no traceback."""

    def __init__(
        self, component: str, name: str, given: str, value: object, limit: str, way_out: str
    ) -> None:
        super().__init__(f"{component} {name!r}: {given} is {value!r}; {limit}. {way_out}")


class Inputs:
    """The inputs of one component, checked one by one."""

    def __init__(self, component: str, name: str, args: Any, within: str = "") -> None:
        self.component, self.name, self._args, self._within = component, name, args, within

    def inside(self, given: str) -> "Inputs":
        """The inputs in `given`, told as `given.input`."""
        return Inputs(self.component, self.name, self._args[given], f"{self._within}{given}.")

    def refuse(self, given: str, value: object, limit: str, way_out: str) -> InputError:
        return InputError(self.component, self.name, f"{self._within}{given}", value, limit, way_out)

    def known(self, names: Iterable[str]) -> None:
        """A misspelt input is refused: a TypedDict alone would drop it in silence."""
        known = set(names)
        for given in self._args:
            if given not in known:
                raise self.refuse(
                    given,
                    self._args[given],
                    "there is no such input",
                    f"Known are: {', '.join(sorted(known))}.",
                )

    def required(self, given: str, way_out: str) -> Any:
        if self._args.get(given) is None:
            raise self.refuse(given, None, "it is required", way_out)
        return self._args[given]

    def number(
        self,
        given: str,
        default: float,
        *,
        above: float | None = None,
        least: float | None = None,
        most: float | None = None,
        way_out: str,
    ) -> float:
        value = self._args.get(given, default)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(given, value, "a number is needed", way_out)
        if not math.isfinite(value):
            raise self.refuse(given, value, "a finite number is needed", way_out)
        # `:g` alone would round to six digits.
        limits = [f"more than {above:.15g}"] if above is not None else []
        limits += [f"at least {least:.15g}"] if least is not None else []
        limits += [f"at most {most:.15g}"] if most is not None else []
        too_low = (above is not None and value <= above) or (least is not None and value < least)
        if too_low or (most is not None and value > most):
            raise self.refuse(given, value, f"it must be {' and '.join(limits)}", way_out)
        return value

    def one_of(self, given: str, kind: type[_Kind], way_out: str) -> _Kind | None:
        value = self._args.get(given)
        try:
            return kind(value) if value is not None else None
        except ValueError:
            known = ", ".join(str(member.value) for member in kind)
            raise self.refuse(given, value, f"it is one of {known}", way_out) from None

    def lists(self, *names: str) -> None:
        """A text is refused where a list is needed: it would pass for the list of its letters."""
        for given in names:
            value = self._args.get(given)
            if isinstance(value, str):
                raise self.refuse(given, value, "a list is needed", f"Write [{value!r}].")

    def agent_name(self, value: str, given: str = "name") -> str:
        if not AGENT_NAME.fullmatch(value):
            raise self.refuse(
                given,
                value,
                "an agent's name is 1 to 40 lower-case letters, digits and dashes",
                "It begins partition keys, tags and resource names: choose one such as 'support-answers'.",
            )
        return value

    def emails(self, given: str) -> list[str]:
        self.lists(given)
        addresses = list(self._args.get(given) or [])
        for address in addresses:
            if not isinstance(address, str) or not _EMAIL.fullmatch(address):
                raise self.refuse(
                    given, address, "that is no e-mail address", "Write it as name@example.com."
                )
        if len(addresses) > 10:
            raise self.refuse(
                given,
                addresses,
                "AWS Budgets takes 10 e-mail subscribers at most for an alert",
                "Use a mailing list.",
            )
        return addresses

    def log_days(self, given: str, default: int) -> int:
        days = int(self.number(given, default, least=1, way_out="Give a number of days."))
        if days not in _LOG_DAYS:
            kept = ", ".join(map(str, _LOG_DAYS))
            raise self.refuse(
                given, days, f"CloudWatch keeps logs for one of {kept} days", "Take the next longer one."
            )
        return days
