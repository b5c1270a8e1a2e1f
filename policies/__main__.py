"""The policy pack: `pulumi preview --policy-pack policies`.

The engine runs this folder as a program, whatever it is called. Its modules import each other as a package,
so the folder above it is made known first; last in line, so that nothing there hides an installed package.
"""

import importlib
import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

_HERE = Path(__file__).absolute().parent
sys.path.append(str(_HERE.parent))
_RULES = importlib.import_module(f"{_HERE.name}.rules")
_ENGINE = importlib.import_module(f"{_HERE.name}.framework.engine")

PolicyPack(
    name="agent-hosting-policies",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=_ENGINE.Pack(_RULES.all_rules()).policies(),
)
