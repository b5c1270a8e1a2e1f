"""One rule a file, its `RULE`. A file that is added here is part of the pack."""

import importlib
import pkgutil
import re
from functools import cache

from ..framework.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, our own first, by their ids. Names with an underscore in front hold no rule."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    found = [importlib.import_module(f"{__name__}.{name}").RULE for name in names]
    return tuple(sorted(found, key=_order))


def _order(rule: Rule) -> tuple[bool, list[tuple[int, str]]]:
    parts = re.findall(r"(\d+)|(\D+)", rule.id)
    return not rule.id.startswith("AG"), [(int(number or 0), text) for number, text in parts]
