"""Locust's CSV files with the last of what happened: Locust writes them once a second, and not when it ends. To wait
for the next time would cost every drill a second."""

from __future__ import annotations

import time
from typing import Any

from locust import stats
from locust.env import Environment


class WithLastRows(stats.StatsCSVFileWriter):
    """Locust's own, and everything once more at the end."""

    def __init__(self, environment: Environment, *others: Any) -> None:
        super().__init__(environment, *others)
        environment.events.quit.add_listener(self._write_last_rows)  # when all has ended; an error there ends nothing

    def _write_last_rows(self, **_: object) -> None:
        """Write what Locust writes each second."""
        for file, writer, columns, write_rows in (
            (
                self.requests_csv_filehandle,
                self.requests_csv_writer,
                self.requests_csv_columns,
                self._requests_data_rows,
            ),
            (self.failures_csv_filehandle, self.failures_csv_writer, self.failures_columns, self._failures_data_rows),
            (
                self.exceptions_csv_filehandle,
                self.exceptions_csv_writer,
                self.exceptions_columns,
                self._exceptions_data_rows,
            ),
        ):
            file.seek(0)
            writer.writerow(columns)
            write_rows(writer)
            file.truncate()
            file.flush()
        self._stats_history_data_rows(self.stats_history_csv_writer, time.time())
        self.stats_history_flush()


def write_last_rows() -> None:
    """Have Locust, which has not opened its files yet, use this."""
    stats.StatsCSVFileWriter = WithLastRows
