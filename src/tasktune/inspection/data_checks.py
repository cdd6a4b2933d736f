"""Every check of the data by its name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from tasktune.inspection.checks.characters import characters
from tasktune.inspection.checks.duplicates import duplicates
from tasktune.inspection.checks.label_drift import label_drift
from tasktune.inspection.checks.labels import labels
from tasktune.inspection.checks.leaks import leaks
from tasktune.inspection.checks.lengths import lengths
from tasktune.inspection.checks.near_duplicates import near_duplicates
from tasktune.inspection.checks.rows import rows
from tasktune.inspection.checks.scripts import scripts
from tasktune.inspection.checks.text_drift import text_drift
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding

DATA_CHECKS: dict[str, Callable[[Material], Finding]] = {
    "rows": rows,
    "lengths": lengths,
    "labels": labels,
    "duplicates": duplicates,
    "near_duplicates": near_duplicates,
    "leaks": leaks,
    "label_drift": label_drift,
    "text_drift": text_drift,
    "characters": characters,
    "scripts": scripts,
}
