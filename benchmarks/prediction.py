"""How far ``tasktune inspect`` is off: the memory and time of a step, predicted and measured.

On the pack's tasks and a Llama of random weights, each side in a process of its own. What is
measured is the most memory that a process holds while it trains, beyond what it held with the data
prepared and no model loaded. On the CPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch

from settings import BENCHMARK_PACK, llama_folder, peak_mib
from tasktune.config_file import load_config
from tasktune.inspection.checks.cost import cost
from tasktune.run import Run

STEPS = 6


def overrides(base: str, tokens: int) -> list[str]:
    """A run on a Llama of random weights, without what is not a step."""
    return [
        f"model.base={base}",
        f"training.batch_tokens={tokens}",
        f"training.steps={STEPS}",
        "training.precision=fp32",
        "training.watch_conflict=false",
    ]


def measure(side: str, base: str, tokens: int) -> dict[str, float]:
    """MiB and seconds of a step, as predicted or as measured."""
    config = load_config(BENCHMARK_PACK, overrides(base, tokens))
    run = Run(config, lambda line: None)
    assert run.tasks
    before = peak_mib()
    loop = run.loop()
    if side == "predicted":
        found = cost(config, loop).figures
        return {"mib": found["memory"]["total"] / 2**20, "seconds": found["seconds_per_step"]}
    loop.model.train()
    seconds = []
    for step in range(STEPS):
        begun = time.perf_counter()
        loop.step(step)
        seconds.append(time.perf_counter() - begun)
    return {"mib": peak_mib() - before, "seconds": statistics.median(seconds[1:])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    width, layers, tokens = (384, 6, 2048) if options.quick else (576, 10, 4096)
    if options.side:
        side, base = options.side
        print(json.dumps(measure(side, base, tokens)))
        return
    base = str(llama_folder(width, layers, 49152))
    found = {}
    for side in ("predicted", "measured"):
        command = [sys.executable, *sys.argv, "--side", side, base]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        found[side] = json.loads(done.stdout.splitlines()[-1])
        print(f"{side:10} {found[side]['mib']:6.0f} MiB {found[side]['seconds']:6.2f} s a step")
    figures = {
        f"{name}_ratio": round(found["predicted"][key] / found["measured"][key], 3)
        for name, key in (("memory", "mib"), ("time", "seconds"))
    }
    setting = {"width": width, "layers": layers, "vocabulary": 49152, "batch_tokens": tokens,
               "device": "cpu", "threads": torch.get_num_threads(), "torch": torch.__version__,
               "measured_mib": round(found["measured"]["mib"])}  # fmt: skip
    print(json.dumps({"benchmark": "prediction", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
