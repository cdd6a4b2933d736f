"""How many rows became examples, and why others did not."""

from __future__ import annotations

import re
from collections import Counter

from tasktune.data import Split
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem

MANY = 0.05  # of a split's rows


def rows(material: Material) -> Finding:
    """Examples and dropped rows of each split, by reason."""
    figures: dict[str, dict[str, object]] = {}
    problems = []
    for task in material.tasks:
        figures[task.name] = {}
        for name, split in task.splits.items():
            reasons = dropped(split)
            count = sum(reasons.values())
            figures[task.name][name] = {
                "examples": len(split),
                "tokens": int(split.lengths.sum()),
                "dropped": count,
                "reasons": reasons,
            }
            unmeant = [reason for reason in reasons if not reason.startswith("clean.")]
            if unmeant:
                count = sum(reasons[reason] for reason in unmeant)
                share = count / (count + len(split))
                most = unmeant[0]
                problems.append(
                    Problem(
                        "medium" if share > MANY else "low",
                        "rows",
                        f"tasks.{task.name}.{name}",
                        f"{count:,} of {count + len(split):,} rows dropped, most because: {most}",
                        f"tasks.{task.name}.on_bad_rows: stop  # names the first such row",
                        share,
                    )
                )
    return Finding(figures, problems)


def dropped(split: Split) -> dict[str, int]:
    """The reasons for which rows were dropped, the most frequent first.

    Reasons that differ only in a number, or in the label that they quote, are one.
    """
    kinds = Counter(
        re.sub(r"\d+", "N", re.sub(r"(label|target) '[^']*'", r"\1 '...'", reason))
        for _, reason in split.dropped
        if not reason.startswith("clean.")
    )
    cleaned = Counter(
        reason.split(":", 1)[0] for _, reason in split.dropped if reason.startswith("clean.")
    )
    return dict((kinds + cleaned).most_common())
