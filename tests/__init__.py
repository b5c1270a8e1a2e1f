"""The policy pack is no installed package: it is found beside the tests, as the engine finds it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
