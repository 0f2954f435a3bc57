"""Ends as a Locust that closes no files: by its event `quit`. Prints what is in the file of requests then."""

import os
import sys
from pathlib import Path

from locust import stats
from locust.env import Environment

sys.path.insert(0, str(Path(__file__).parents[3] / "scenarios" / "load"))
from last_rows import write_last_rows

write_last_rows()
environment = Environment()
writer = stats.StatsCSVFileWriter(environment, stats.PERCENTILES_TO_REPORT, f"{sys.argv[1]}/locust", False)
environment.stats.log_request("POST", "/run", 12, 3)
environment.events.quit.fire(exit_code=0)
sys.stdout.write(Path(sys.argv[1], "locust_stats.csv").read_text())
sys.stdout.flush()
os._exit(0)
