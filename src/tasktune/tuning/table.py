"""A study as a table."""

from __future__ import annotations

from rich.table import Table

from tasktune.tuning.findings import Findings
from tasktune.tuning.page import keys_of, setting_rows


def settings_table(found: Findings) -> Table:
    """Every setting, the best first, with its interval over the folds."""
    table = Table(
        title=f"{found.folds} folds, change against the run as it stands, 95 % intervals",
        title_justify="left",
    )
    keys = keys_of(found)
    table.add_column("no.", justify="right")
    for key in keys:
        table.add_column(key, overflow="fold")
    table.add_column("change", justify="right", no_wrap=True)
    table.add_column("interval", justify="right")
    table.add_column("state")
    for row in setting_rows(found):
        values = [row.values.get(key, "") for key in keys]
        state = f"{row.state}, on the front" if row.front else row.state
        style = "bold" if row.best else None
        number = str(row.number)
        table.add_row(number, *values, row.change, row.interval, row.problem or state, style=style)
    return table
