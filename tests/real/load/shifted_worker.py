"""`run_flow_shared.py` on a host whose clocks are 3 s behind: of the worker alone, the master reads this one's."""

import sys
import time
from pathlib import Path

if "--worker" in sys.argv:
    _monotonic_ns, _time_ns = time.monotonic_ns, time.time_ns
    time.monotonic_ns = lambda: _monotonic_ns() - 3_000_000_000
    time.time_ns = lambda: _time_ns() - 3_000_000_000

_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow_shared.py"
sys.path.insert(0, str(_FILE.parent))
exec(compile(_FILE.read_text(), _FILE, "exec"))
