"""The monitor: which tasks overfit, underfit, plateau or diverge, and what is done about it."""

from tasktune.training.monitor.monitor import Monitor, check_monitor

__all__ = ["Monitor", "check_monitor"]
