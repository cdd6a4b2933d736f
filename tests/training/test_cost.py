"""What training takes is counted, over resumes too; energy only where the hardware counts it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from tasktune.training.cost import Cost, CostMeter, added, peak_memory, read_cost
from tasktune.training.energy import EnergyCounter, gpu_counters, processor_counters, total


def zone(powercap: Path, name: str, said: str, energy: int, end: int) -> Path:
    folder = powercap / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{said}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{end}\n")
    return folder


def test_processors_add_up_and_their_parts_do_not_count_twice(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000, 10_000_000)
    second = zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000, 10_000_000)
    core = zone(tmp_path, "intel-rapl:0:0", "core", 0, 10_000_000)
    board = zone(tmp_path, "intel-rapl:2", "psys", 0, 10_000_000)
    counters = processor_counters(tmp_path)
    for folder, energy in ((first, 4_000_000), (second, 6_500_000), (core, 9), (board, 9)):
        (folder / "energy_uj").write_text(str(energy))
    for counter in counters:
        counter.sample()
    assert total(counters) == pytest.approx(3.0 + 1.5)


def test_counter_that_starts_again_goes_on_counting() -> None:
    stands = iter([90, 95, 10, 10])
    counter = EnergyCounter(lambda: next(stands), end=100, unit=2.0)
    for _ in range(3):
        counter.sample()
    assert counter.joules == pytest.approx(2 * (5 + 15))


def test_energy_that_cannot_be_read_is_not_known(tmp_path: Path) -> None:
    assert total(processor_counters(tmp_path)) is None
    assert total(gpu_counters(torch.device("cpu"))) is None
    folder = zone(tmp_path, "intel-rapl:0", "package-0", 1, 100)
    counters = processor_counters(tmp_path)
    (folder / "energy_uj").unlink()
    counters[0].sample()
    counters[0].sample()
    assert total(counters) is None


def test_sessions_add_up() -> None:
    before = Cost(0, 100.0, 2, 3000, 700, 50.0, None)
    now = Cost(40, 10.0, 1, 2000, 900, 5.0, 8.0)
    assert added(before, now) == Cost(0, 110.0, 3, 3000, 900, 55.0, None)


def test_resume_goes_on_and_a_new_run_begins_anew(tmp_path: Path) -> None:
    earlier = Cost(0, 1000.0, 1, 1, None, None, None)
    (tmp_path / "cost.json").write_text(json.dumps(asdict(earlier)))
    cpu = torch.device("cpu")
    resumed = CostMeter(tmp_path, cpu, start=20).cost()
    assert resumed.sessions == 2 and 1000 < resumed.seconds < 1060 and resumed.since_step == 0
    assert CostMeter(tmp_path, cpu, start=0).cost().sessions == 1


def test_resume_of_a_run_that_was_not_measured_says_since_when(tmp_path: Path) -> None:
    for content in (None, "{", '{"seconds": 3}'):
        if content is not None:
            (tmp_path / "cost.json").write_text(content)
        meter = CostMeter(tmp_path, torch.device("cpu"), start=20)
        meter.write()
        written = read_cost(tmp_path / "cost.json")
        assert written is not None and written.since_step == 20 and written.sessions == 1
        (tmp_path / "cost.json").unlink()


def test_peak_memory_holds_what_was_given_back() -> None:
    held = bytearray(200 << 20)
    del held
    assert peak_memory() > 200 << 20
