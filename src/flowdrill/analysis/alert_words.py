"""What is required of alerts, in words: preflight says it, and the judge finds it again in the record."""

from __future__ import annotations


def metrics_required(alert: str) -> str:
    """Return what `alert_metrics_exist` asks of one alert."""
    return f"every metric that {alert} is computed from has series"
