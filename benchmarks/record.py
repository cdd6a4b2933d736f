"""Runs benchmarks, keeps what each prints last, and writes ``docs/benchmarks.md`` from it.

``benchmarks/results.jsonl`` has a line a benchmark, the newest run of it, and one more for a GPU:
figures, setting, command, date and machine. So figures of different days stand beside one another,
each with its own.
What follows ``--`` goes to the benchmark: ``record.py quality -- --bases encoder``.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
PAGE = HERE.parent / "docs" / "benchmarks.md"
REACH: dict[str, dict[str, str]] = {
    "surgery": {
        "step_ratio_k8": "<= 1.05", "step_ratio_k32": "<= 1.10", "relative_error": "<= 1e-5",
    },
    "throughput": {
        "tokens_per_second_ratio": ">= 4", "update_relative_difference": "<= 1e-4",
        "peak_memory_ratio": "<= 0.5",
    },
    "layouts": {"per_task_ratio_k8": "<= 1.05", "per_task_ratio_k64": "<= 1.15"},
    "serving": {"requests_per_second_ratio": ">= 3"},
    "quality": {"delta_m": ">= 2", "worst_task": ">= -0.5"},
    "invariance": {"relative_difference": "<= 1e-6"},
    "limit": {"fp32_fraction": ">= 0.6", "bf16_fraction": ">= 0.35"},
    "limit on a GPU": {"bf16_liger_fraction": ">= 0.5"},
}  # fmt: skip
"""What the figures are meant to reach."""


def scripts() -> list[str]:
    """The benchmarks: every script here that prints figures."""
    found = [path for path in sorted(HERE.glob("*.py")) if path.name != Path(__file__).name]
    return [path.stem for path in found if '"benchmark": ' in path.read_text(encoding="utf-8")]


def run(name: str, flags: Sequence[str], folder: Path | None = None) -> dict[str, Any] | None:
    """Runs one and returns its result; none if it failed.

    :param folder: where it keeps its trainings, if it keeps any.
    """
    command = ["python", f"benchmarks/{name}.py", *flags]
    print(f"== {' '.join(command)}", flush=True)
    kept = [] if folder is None else ["--folder", str(folder.resolve())]
    process = subprocess.Popen(
        [sys.executable, *command[1:], *kept], cwd=HERE.parent, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line
    if process.wait():
        return None
    found: dict[str, Any] = json.loads(last)
    return found | {
        "command": " ".join(command),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}",
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def read_results() -> dict[str, dict[str, Any]]:
    """The results that are kept, by ``name_of``."""
    if not RESULTS.is_file():
        return {}
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    return {name_of(line): line for line in lines}


def name_of(one: dict[str, Any]) -> str:
    """A benchmark, and whether it ran on a GPU: figures of both are kept."""
    return str(one["benchmark"]) + " on a GPU" * ("gpu" in one["setting"])


def write_results(results: dict[str, dict[str, Any]]) -> None:
    """Keeps the results and writes the page."""
    ordered = [results[name] for name in sorted(results)]
    RESULTS.write_text("".join(json.dumps(one) + "\n" for one in ordered), encoding="utf-8")
    head = (
        "# Benchmarks\n\nEvery figure here was printed by the command above it; `make bench` runs"
        " them and writes this page. Both sides of a ratio ran in one go, in turn. The machines"
        " were shared with other work: expect other figures on yours, above all with `--quick`,"
        " where models are so small that fixed costs show.\n"
    )
    PAGE.write_text("\n".join([head, *(section(one) for one in ordered)]), encoding="utf-8")


def section(one: dict[str, Any]) -> str:
    """A benchmark's part of the page."""
    if "gpu" in one["setting"]:
        about = f"The same as under [{one['benchmark']}](#{one['benchmark'].replace('_', '-')})."
    else:
        script = (HERE / f"{one['benchmark']}.py").read_text(encoding="utf-8")
        about = ast.get_docstring(ast.parse(script)) or ""
    name = name_of(one).replace("_", " ")
    title = name[:1].upper() + name[1:]
    reach = REACH.get(name_of(one), {})
    rows = [
        f"| `{name}` | {figure:.4g} | {reach.get(name, '')} |"
        for name, figure in one["figures"].items()
    ]
    setting = {key: value for key, value in one["setting"].items() if not isinstance(value, list)}
    said = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in setting.items())
    return "\n".join(
        [
            f"## {title}\n",
            f"{about}\n",
            f"`{one['command']}`, {one['date']}, {one['machine']}; {said}.\n",
            "| figure | measured | to reach |",
            "|---|---|---|",
            *rows,
            "",
            *table(one.get("table", [])),
        ]
    )


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A benchmark's own table: a line a row, the first row's keys as columns."""
    if not rows:
        return []
    columns = list(rows[0])
    lines = [[str(row.get(column, "")) for column in columns] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *lines)] + [""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all where absent")
    parser.add_argument("--quick", action="store_true", help="their smaller runs")
    parser.add_argument("--folder", type=Path, help="for a benchmark that keeps its trainings")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:cut])
    flags = (["--quick"] if arguments.quick else []) + words[cut + 1 :]
    failed = []
    for name in arguments.names or scripts():
        found = run(name, flags, arguments.folder)
        if found is None:
            failed.append(name)
        else:
            write_results(read_results() | {name_of(found): found})
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
