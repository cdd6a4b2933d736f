"""Serving 8 adapters in mixed batches against PEFT's batching by ``adapter_names``.

The same requests in the same order, on one Llama of random weights: prompts and answers of many
lengths, as a server gets them, tasks at random. PEFT's side takes as many requests at a time as our
engine writes at once, pads them on the left, and generates until the longest answer is done. Ours
lets the next request in when one ends. Both give the likeliest tokens, and have to give the same.
The sides take turns in one process. The even case, in which all prompts and answers are of one
length, shows what is left when nothing is won by padding and waiting.
"""

from __future__ import annotations

import argparse
import json
import queue
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model

from settings import DEVICE, ON_GPU, hardware, random_base, random_llama
from tasktune.batching.padding import pad_rows
from tasktune.model.task_model import TaskModel
from tasktune.serving.engine import Engine
from tasktune.serving.jobs import Event, Generation, Written
from tasktune.serving.limits import Limits
from tasktune.serving.sampling import Sampling

TASKS, RANK = 8, 8


@dataclass(frozen=True)
class Request:
    """What somebody asks: a prompt, and an answer of so many tokens."""

    task: int
    prompt: NDArray[np.int32]
    room: int


def varied_requests(count: int, vocabulary: int) -> list[Request]:
    """Mostly short prompts and answers, and some long ones."""
    generator = np.random.default_rng(1)
    prompts = np.clip(generator.lognormal(3.7, 0.8, count), 8, 256).astype(int)
    answers = np.clip(generator.lognormal(2.7, 0.8, count), 2, 96).astype(int)
    return [
        Request(
            int(generator.integers(TASKS)),
            generator.integers(3, vocabulary, prompt).astype(np.int32),
            int(answer),
        )
        for prompt, answer in zip(prompts, answers, strict=True)
    ]


def even_requests(count: int, vocabulary: int) -> list[Request]:
    """All prompts of one length, and all answers."""
    generator = np.random.default_rng(2)
    return [
        Request(
            int(generator.integers(TASKS)),
            generator.integers(3, vocabulary, 48).astype(np.int32),
            16,
        )
        for _ in range(count)
    ]


class Tokens:
    """In place of a text: the tokens themselves, so that both sides' can be compared."""

    eos_token_id = -1  # answers end by their length
    pad_token_id = 0

    def decode(self, tokens: list[int], **options: Any) -> str:
        return "".join(chr(0x10000 + token) for token in tokens)


def our_side(engine: Engine, requests: list[Request]) -> list[list[int]]:
    """Each request's answer from the engine; all are asked at once."""
    told: queue.Queue[tuple[int, Event]] = queue.Queue()

    def teller(number: int) -> Any:
        return lambda event: told.put((number, event))

    for number, request in enumerate(requests):
        job = Generation(
            adapter=request.task,
            tell=teller(number),
            deadline=time.monotonic() + 3600,
            prompt=request.prompt,
            room=request.room,
            stops=(),
            sampling=Sampling(),
            stripped=False,
        )
        engine.submit(job)
    answers: dict[int, list[int]] = {}
    while len(answers) < len(requests):
        number, event = told.get()
        if isinstance(event, Written):
            answers[number] = [ord(letter) - 0x10000 for letter in event.text]
    return [answers[number] for number in range(len(requests))]


def peft_model(model: TaskModel, width: int, layers: int, vocabulary: int) -> Any:
    """The same base and adapters as PEFT has them."""
    lora = LoraConfig(r=RANK, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    peft = get_peft_model(random_base(width, layers, vocabulary), lora, adapter_name="task0")
    for task in range(1, TASKS):
        peft.add_adapter(f"task{task}", lora)
    theirs = [module for module in peft.modules() if hasattr(module, "lora_A")]
    with torch.no_grad():
        for layer, adapters in zip(theirs, model.adapters(), strict=True):
            for task in range(TASKS):
                factors = adapters.task_factors(task)
                assert factors.scale == layer.scaling[f"task{task}"]
                layer.lora_A[f"task{task}"].weight.copy_(factors.down[0])
                layer.lora_B[f"task{task}"].weight.copy_(factors.up[0])
    return peft.to(DEVICE).eval()


@torch.inference_mode()
def peft_side(peft: Any, requests: list[Request], batch: int) -> list[list[int]]:
    """Each request's answer from batches in the order of arrival."""
    answers = []
    for start in range(0, len(requests), batch):
        part = requests[start : start + batch]
        ids, mask = pad_rows([request.prompt for request in part], 0, left=True)
        output = peft.generate(
            input_ids=torch.from_numpy(ids).to(DEVICE),
            attention_mask=torch.from_numpy(mask).to(DEVICE),
            adapter_names=[f"task{request.task}" for request in part],
            max_new_tokens=max(request.room for request in part),
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        new = output[:, ids.shape[1] :].tolist()
        answers += [row[: request.room] for row, request in zip(new, part, strict=True)]
    return answers


def measure(
    engine: Engine, peft: Any, requests: list[Request], batch: int, rounds: int
) -> dict[str, Any]:
    """Requests a second of both sides, their ratio, and how many answers differ."""
    ours, theirs, different = [], [], 0
    for _ in range(rounds):
        started = time.perf_counter()
        answers = our_side(engine, requests)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        expected = peft_side(peft, requests, batch)
        theirs.append(time.perf_counter() - started)
        different += sum(a != b for a, b in zip(answers, expected, strict=True))
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return {
        "ours": len(requests) / statistics.median(ours),
        "theirs": len(requests) / statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "different": different,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer requests")
    arguments = parser.parse_args()
    width, layers, vocabulary = (256, 4, 4096) if arguments.quick else (512, 8, 16384)
    count, batch, rounds = (48, 16, 2) if arguments.quick else (96, 16, 3)
    if ON_GPU and not arguments.quick:
        width, layers, count, batch = 1024, 12, 256, 64
    model = random_llama("per_task", TASKS, width=width, layers=layers, vocabulary=vocabulary)
    peft = peft_model(model, width, layers, vocabulary)
    model.tokenizer = Tokens()  # type: ignore[assignment]
    engine = Engine(model, Limits(sequences=batch))
    engine.start()
    cases = {
        "varied": varied_requests(count, vocabulary),
        "even": even_requests(count, vocabulary),
    }
    found = {}
    for name, requests in cases.items():
        measure(engine, peft, requests[:batch], batch, 1)  # warm-up
        found[name] = measure(engine, peft, requests, batch, rounds)
        print(
            f"{name:7} tasktune {found[name]['ours']:6.2f} requests/s   PEFT"
            f" {found[name]['theirs']:6.2f}   ratio {found[name]['ratio']:.2f}   answers that"
            f" differ: {found[name]['different']}"
        )
    engine.stop()
    figures = {
        "requests_per_second_ratio": round(found["varied"]["ratio"], 3),
        "even_lengths_ratio": round(found["even"]["ratio"], 3),
        "different_answers": found["varied"]["different"] + found["even"]["different"],
    }
    setting = {"width": width, "layers": layers, "vocabulary": vocabulary, "adapters": TASKS}
    setting |= {"rank": RANK, "batch": batch, "requests": count}
    setting |= hardware()
    print(json.dumps({"benchmark": "serving", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
