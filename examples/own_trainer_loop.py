"""Two tasks in a loop of transformers.Trainer's, weighed by UPGrad: offline, in a minute.

Tasktune gives the collator and the callback; model, adapter, arguments and loop are plain
Transformers and PEFT. Run it: ``python examples/own_trainer_loop.py``.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from tasktune.demo import tiny_model_folder, write_demo
from tasktune.integrations import TaskCollator, TaskWeighting

TASKS = {  # each one's data, prompt and target; put your own here
    "kind": ("docstring_kind/{}.csv", "{text}\nThis documents a", " {kind}"),
    "translate": ("translate_names/{}.tsv", "{english} in {language}:", " {translation}"),
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=40)
    options.add_argument("--weighting", default="upgrad", help="a name of `tasktune methods`")
    options.add_argument("--output", type=Path, default=Path("runs/own-loop"))
    given = options.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_folder())
    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder))
        train = list(examples(Path(folder), "train", tokenizer))
        validation = list(examples(Path(folder), "validation", tokenizer))

    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder())
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = Trainer(
        model=get_peft_model(model, lora),
        args=TrainingArguments(
            str(given.output),
            max_steps=given.steps,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=32,
            learning_rate=2e-3,
            logging_steps=10,
            remove_unused_columns=False,  # or the column `task` does not reach the collator
            prediction_loss_only=True,
            report_to="none",
            dataloader_pin_memory=False,
        ),
        train_dataset=train,
        eval_dataset=validation,
        data_collator=TaskCollator(list(TASKS)),
        callbacks=[TaskWeighting(list(TASKS), given.weighting)],
    )
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    for task in TASKS:
        key = f"eval_loss/{task}"
        print(f"{task}: validation loss {before[key]:.3f} before, {after[key]:.3f} after")
    trainer.save_model()
    print(f"a plain PEFT adapter: {given.output}")


def examples(
    folder: Path, split: str, tokenizer: PreTrainedTokenizerBase
) -> Iterator[dict[str, Any]]:
    """Tokenised rows; of a prompt nothing is to be predicted."""
    for task, (pattern, prompt, target) in TASKS.items():
        path = folder / pattern.format(split)
        delimiter = "\t" if path.suffix == ".tsv" else ","
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=delimiter):
                asked = tokenizer(prompt.format(**row)).input_ids
                answer = [*tokenizer(target.format(**row)).input_ids, tokenizer.eos_token_id]
                labels = [-100] * len(asked) + answer
                yield {"input_ids": asked + answer, "labels": labels, "task": task}


if __name__ == "__main__":
    main()
