"""Properties of a resource, read so that an unknown one can never pass for a good one.

A rule asks for the kind of value it needs and names AWS's default for the case that nothing is said.
What is unknown until the deployment raises `NotKnown`, which the judge reports as not checked; what is of
another kind raises `WrongKind`, which it reports as a failure. So a rule holds neither case.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""Stands for a value that only the deployment will tell."""


def plain(held: Any, unknown: Collection[str], opened: Callable[[Any], Any] = lambda found: found) -> Any:
    """A copy of what the wire brought, in which `UNKNOWN` stands for each text of `unknown`.

    `opened` makes an object or a list of what is wrapped. The copy is made without recursion: nobody but a
    program's author bounds how deeply its values are nested.
    """
    top: list[Any] = [held]
    unread: list[Any] = [top]
    while unread:
        into = unread.pop()
        for key, found in into.items() if isinstance(into, dict) else enumerate(into):
            if isinstance(found, str):
                if found in unknown:
                    into[key] = UNKNOWN
                continue
            bare = opened(found)
            if isinstance(bare, Mapping):
                into[key] = dict(bare)
            elif isinstance(bare, list | tuple):
                into[key] = list(bare)
            else:
                continue
            unread.append(into[key])
    return top[0]


class NotKnown(Exception):
    """A value that the rule needs is unknown until the deployment, or is kept by another stack."""

    def __init__(
        self, path: str, message: str = "is unknown until the deployment, and is judged then."
    ) -> None:
        super().__init__(message)
        self.path = path


class Malformed(Exception):
    """A value that the cloud would refuse, whatever the rule."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class WrongKind(Malformed):
    """A value that the rule needs is of another kind."""

    def __init__(self, path: str, wanted: str, found: object) -> None:
        super().__init__(path, f"is {type(found).__name__} where {wanted} belongs")


class View:
    """An object among a resource's properties. A missing key and null are the same, as they are to AWS."""

    def __init__(self, held: Any, path: str = "") -> None:
        self.path = path
        if held is UNKNOWN:
            raise NotKnown(path)
        if held is not None and not isinstance(held, Mapping):
            raise WrongKind(path, "an object", held)
        self.held: Mapping[str, Any] = held or {}

    def at(self, key: str) -> str:
        """The path of `key`, as a person would write it."""
        return f"{self.path}.{key}" if self.path else key

    def value(self, key: str) -> Any:
        """What is said of `key`, of any kind; None where nothing is."""
        found = self.held.get(key)
        if found is UNKNOWN:
            raise NotKnown(self.at(key))
        return found

    def says(self, key: str) -> bool:
        """Whether `key` is there, be its value known or not. Empty texts, lists and objects say nothing."""
        return self.held.get(key) not in (None, "", [], {})

    def text(self, key: str, default: str = "") -> str:
        found = self.value(key)
        if found is None:
            return default
        if isinstance(found, str):
            return found
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise WrongKind(self.at(key), "a text", found)
        return f"{found:g}"

    def flag(self, key: str, default: bool) -> bool:
        """Pulumi's bridge takes "true" and "false" for booleans, so both are read here."""
        found = self.value(key)
        if found is None:
            return default
        if isinstance(found, bool):
            return found
        if isinstance(found, str) and found.lower() in ("true", "false"):
            return found.lower() == "true"
        raise WrongKind(self.at(key), "true or false", found)

    def number(self, key: str, default: float | None = None) -> float | None:
        """Pulumi's bridge takes "30" for 30, so it is read here; True is no number."""
        found = self.value(key)
        if found is None:
            return default
        if isinstance(found, int | float) and not isinstance(found, bool):
            return found
        try:
            return float(found if isinstance(found, str) else "no number")
        except ValueError:
            raise WrongKind(self.at(key), "a number", found) from None

    def view(self, key: str) -> "View":
        """The object at `key`; a list of one object is that object, as older states write it."""
        found = self.value(key)
        if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == 1:
            return View(found[0], f"{self.at(key)}[0]")
        return View(None if found == [] else found, self.at(key))

    def json(self, key: str) -> "View":
        """The object at `key`, which some types of AWS want as JSON text."""
        found = self.value(key)
        if not isinstance(found, str) or not found:
            return self.view(key) if found else View(None, self.at(key))
        try:
            return View(json.loads(found), self.at(key))
        except (ValueError, RecursionError) as error:
            raise Malformed(self.at(key), f"is no JSON document: {str(error)[:100]}") from None

    def items(self, key: str) -> list[Any]:
        """The list at `key`; one value that stands alone is a list of one."""
        found = self.value(key)
        if found is None:
            return []
        many: list[Any] = list(found) if isinstance(found, list | tuple) else [found]
        for n, item in enumerate(many):
            if item is UNKNOWN:
                raise NotKnown(f"{self.at(key)}[{n}]")
        return many

    def texts(self, key: str) -> list[str]:
        for item in (many := self.items(key)):
            if not isinstance(item, str):
                raise WrongKind(self.at(key), "a list of texts", item)
        return many

    def views(self, key: str) -> Iterator["View"]:
        for n, item in enumerate(self.items(key)):
            yield View(item, f"{self.at(key)}[{n}]")
