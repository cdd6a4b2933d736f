"""What preparing a large file costs: rows a second, and memory that must not grow with the rows.

Each size is prepared in a process of its own, so that its peak memory is its own: a JSONL file of
reviews is written, then read, cleaned, rendered, tokenised and written to the cache. The smaller
size says what the program itself needs; what the larger one needs beyond it, it needs for its rows.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = ("good", "bad", "plot", "battery", "screen", "novel", "late", "cheap", "sturdy", "dull")
RUN = """\
model: {base: "builtin:tiny"}
tasks:
  reviews:
    kind: classification
    train: {path: rows.jsonl}
    validation: {path: few.jsonl}
    prompt: "{text}"
    target: "{label}"
    labels: {"0": bad, "1": good}
    clean: [whitespace, {length: {column: text, min: 3}}]
"""


def write_rows(file: Path, rows: int) -> None:
    """A JSONL file of ``rows`` short texts."""
    with file.open("w", encoding="utf-8") as lines:
        for n in range(rows):
            text = " ".join(WORDS[(n // 7**k + k) % 10] for k in range(6))
            lines.write(f'{{"text": "{text} {n}", "label": {n % 2}}}\n')


def prepare_in(folder: Path) -> None:
    """Prepares the folder's run; prints its seconds and this process's peak memory in bytes."""
    from tasktune.config_file import load_config
    from tasktune.data import prepare
    from tasktune.model.loading import load_tokenizer

    config = load_config(folder / "run.yaml")
    tokenizer = load_tokenizer(config.model, config.folder)
    begun = time.perf_counter()
    (task,) = prepare(config, tokenizer, cache=folder / "cache")
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"rows": len(task.train), "seconds": seconds, "peak_bytes": peak}
    print(json.dumps(figures))


def measure(rows: int) -> dict[str, float]:
    """Preparing ``rows`` rows, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder / "rows.jsonl", rows)
        write_rows(folder / "few.jsonl", 100)
        (folder / "run.yaml").write_text(RUN)
        command = [sys.executable, __file__, "--prepare", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        figures["file_bytes"] = (folder / "rows.jsonl").stat().st_size
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 rows instead of 5,000,000")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.prepare:
        return prepare_in(arguments.prepare)
    few, many = (10_000, 200_000) if arguments.quick else (10_000, 5_000_000)
    small, large = measure(few), measure(many)
    beyond = (large["peak_bytes"] - small["peak_bytes"]) / (many - few)
    for side in (small, large):
        print(
            f"{side['rows']:>9,} rows  {side['file_bytes'] / 1e6:8.1f} MB"
            f"  {side['rows'] / side['seconds']:9,.0f} rows/s"
            f"  peak {side['peak_bytes'] / 1e6:7.1f} MB"
        )
    print(f"memory beyond the smaller run's: {beyond:.0f} bytes a row")
    figures = {
        "bytes_per_row": beyond,
        "rows_per_second": large["rows"] / large["seconds"],
        "peak_ratio": large["peak_bytes"] / small["peak_bytes"],
    }
    setting = {"rows": many, "quick": arguments.quick}
    print(json.dumps({"benchmark": "preparing", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
