"""`run_flow.py` where a plan may ask for 60 open requests, not 10,000: so many are open after 0.3 s of 200 a second."""

import sys
from pathlib import Path

from flowdrill.model import load_settings

load_settings.MAX_IN_FLIGHT = 60

_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow.py"
sys.path.insert(0, str(_FILE.parent))
exec(compile(_FILE.read_text(), _FILE, "exec"))
