"""Three planted tasks: one to be learnt by heart, one that can hardly move, one that is well."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.workshop import WORDS, Workshop

COLOURS, THINGS = WORDS[:3], WORDS[6:]


def plant(workshop: Workshop) -> None:
    """Puts the tasks ``heart``, ``slow`` and ``well`` in place of the workshop's own.

    All ask for the colour in a line of words. Of ``heart`` there are 20 lines, every third with a
    wrong answer; ``slow`` has a learning rate near zero; ``well`` has 300 lines.
    """
    generator = random.Random(0)
    sizes = {"heart": 20, "slow": 100, "well": 300}
    workshop.run["tasks"] = {
        name: task(workshop, name, generator, size, wrong=3 if name == "heart" else 0)
        for name, size in sizes.items()
    }
    workshop.run["tasks"]["slow"]["learning_rate"] = 1e-9
    workshop.run["adapter"] = {"layout": "per_task", "rank": 4, "alpha": 8, "dropout": 0.0}
    workshop.run["training"] = {
        "steps": 120, "batch_tokens": 400, "learning_rate": 0.003, "log_every": 20,
        "checkpoint_every": 120, "watch_conflict": False,
    }  # fmt: skip
    workshop.run["evaluation"] = {"every": 0, "bootstrap": 20}
    workshop.run["monitor"] = {"every": 10, "examples": 60}


def task(
    workshop: Workshop, name: str, generator: random.Random, size: int, wrong: int
) -> dict[str, Any]:
    """One task, its files written; every ``wrong``-th training answer is of another colour."""
    sources = {}
    for split, count in (("train", size), ("validation", 60), ("test", 200)):
        rows = []
        for number in range(count):
            colour = generator.choice(COLOURS)
            words = [generator.choice(THINGS) for _ in range(6)]
            words[generator.randrange(6)] = colour
            if wrong and split == "train" and number % wrong == 0:
                colour = generator.choice([other for other in COLOURS if other != colour])
            rows.append({"text": " ".join(words), "colour": colour})
        file = f"{name}_{split}.jsonl"
        workshop.write(file, "".join(json.dumps(row) + "\n" for row in rows))
        sources[split] = {"path": file}
    return {
        **sources, "kind": "classification", "head": True, "prompt": "{text}",
        "target": "{colour}", "metrics": ["accuracy"],
    }  # fmt: skip
