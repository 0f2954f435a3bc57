"""Locust's CSV files with the last of what happened: Locust writes them once a second, and not when it ends. To wait
for the next time would cost every drill a second."""

from __future__ import annotations

import time

from locust import stats


class WithLastRows(stats.StatsCSVFileWriter):
    """Locust's own, and everything once more at the end."""

    def close_files(self) -> None:
        """Write what Locust writes each second, then close; Locust calls this when everything else has ended."""
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
        self._stats_history_data_rows(self.stats_history_csv_writer, time.time())
        super().close_files()


def write_last_rows() -> None:
    """Have Locust, which has not opened its files yet, use this."""
    stats.StatsCSVFileWriter = WithLastRows
