"""What holds for every test."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # machines are shared: no test measures its own time
settings.load_profile("no deadline")

# the rules of whoever runs the tests are not theirs
os.environ["FLOWDRILL_SAFETY"] = str(Path(__file__).with_name("machine-without-rules.yaml"))

# what a shell starts with `&` ignores SIGINT, and so does all that it starts in turn: tests send one
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
