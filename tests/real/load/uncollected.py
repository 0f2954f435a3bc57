"""`run_flow.py` without Python's cyclic garbage collector: at its end it logs what that would have had to find."""

import gc
import sys
from pathlib import Path

from locust import events

gc.disable()


@events.quitting.add_listener
def _tell(**_: object) -> None:
    sys.stderr.write(f"objects in cycles: {gc.collect()}\n")


_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow.py"
sys.path.insert(0, str(_FILE.parent))
exec(compile(_FILE.read_text(), _FILE, "exec"))
