"""What a property is in Terraform, read from the sources of Pulumi's Python packages.

Pulumi shows a block that may be there once as an object, and Terraform as a list of one; both show a map as
an object. The value alone does not tell which it is, the type in the package does. It is read from the text:
to import what a stack of three agents uses takes seven seconds, and half a second this way.
"""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from agent_hosting_cli.terraform.names import snake

_PACKAGES: Final = {"aws": "pulumi_aws", "kubernetes": "pulumi_kubernetes"}
_GETTER: Final = re.compile(
    r'^    @pulumi\.getter(?:\(name="(\w+)"\))?\n(?:    @.*\n)*    def (\w+)\(self\) -> (.+):$', re.MULTILINE
)
_HELD: Final = re.compile(r"'(?:_(\w+)\.(\w+)\.)?outputs\.(\w+)'")
_AROUND: Final = re.compile(r"^(?:pulumi\.Output\[|Optional\[)+|\]+$")


class Held(NamedTuple):
    """A class of objects, and the file that it is in."""

    file: Path
    name: str


@dataclass(frozen=True)
class Shape:
    """Of one property: whether it is a list, what its objects hold, and whether it is a text."""

    many: bool = False
    held: Held | None = None
    text: bool = False


UNTOLD: Final = Shape()


@cache
def of_resource(token: str) -> Mapping[str, Shape]:
    """Shapes by property; none for a type that the packages do not have."""
    package, module, _ = token.split(":")
    place = _modules(package).get(f"{package}:{module}", {}).get(token)
    if place is None:
        return {}
    folder, name = place
    likely = (folder / f"{snake(name)}.py", folder / f"{name}.py")
    for file in (*(one for one in likely if one.is_file()), *sorted(folder.glob("*.py"))):
        if body := _body(Held(file, name), "(pulumi.CustomResource)"):
            return _shapes(body, folder / "outputs.py")
    return {}


@cache
def of_object(held: Held) -> Mapping[str, Shape]:
    return _shapes(_body(held, "(dict)"), held.file)


def _shapes(body: str, outputs: Path) -> Mapping[str, Shape]:
    return {wire or name: _shape(told, outputs) for wire, name, told in _GETTER.findall(body)}


def _shape(told: str, outputs: Path) -> Shape:
    """`told` is a type as the package writes it, such as `Optional[Sequence['outputs.TableAttribute']]`."""
    inner = _AROUND.sub("", told)
    if (found := _HELD.search(inner)) is None or "Mapping[" in inner:
        return Shape(many=inner.startswith("Sequence["), text=inner == "_builtins.str")
    group, version, name = found.groups()
    file = outputs if group is None else outputs.parents[2] / group / version / "outputs.py"
    return Shape(many=inner.startswith("Sequence["), held=Held(file, name))


def _body(held: Held, base: str) -> str:
    text = _text(held.file)
    begins = text.find(f"\nclass {held.name}{base}:")
    ends = text.find("\nclass ", begins + 1)
    return "" if begins < 0 else text[begins : ends if ends > 0 else None]


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


@cache
def _modules(package: str) -> Mapping[str, Mapping[str, tuple[Path, str]]]:
    """Folder and class of each type, by module, as the package tells Pulumi."""
    spec = importlib.util.find_spec(_PACKAGES[package]) if package in _PACKAGES else None
    if spec is None or spec.origin is None:
        return {}
    root = Path(spec.origin).parent
    _, _, told = _text(Path(spec.origin)).partition('resource_modules="""')
    found: dict[str, dict[str, tuple[Path, str]]] = {}
    for module in json.loads(told.partition('"""')[0] or "[]"):
        folder = root.joinpath(*module["fqn"].split(".")[1:])
        places = {token: (folder, name) for token, name in module["classes"].items()}
        found.setdefault(f"{package}:{module['mod']}", {}).update(places)
    return found
