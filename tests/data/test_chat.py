"""Prompts as a chat, with a system message, and drawn from several."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from tasktune.data.chat import Chat
from tests.data.desk import Desk

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "[{{ m.role }}]{{ m.content }}[/]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
THINKING = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant><think>{% endif %}"
)


@pytest.fixture
def chat_desk(desk: Desk) -> Desk:
    desk.tokenizer = copy.deepcopy(desk.tokenizer)
    desk.tokenizer.chat_template = CHATML
    desk.write_lines("d.jsonl", [{"q": f"question {n}", "a": f"answer {n}"} for n in range(40)])
    return desk


def texts(desk: Desk, **changes: Any) -> list[tuple[str, str]]:
    split = desk.prepare("d.jsonl", **changes).train
    made = []
    for index in range(len(split)):
        ids, cut = split.input_ids(index), int(split.prompt_lengths[index])
        made.append((desk.tokenizer.decode(ids[:cut]), desk.tokenizer.decode(ids[cut:])))
    return made


def test_training_text_is_what_the_template_writes(chat_desk: Desk) -> None:
    split = chat_desk.prepare("d.jsonl", format="chat", system="Be brief.", prompt="{q}?").train
    for index in range(len(split)):
        example, whole = split.example(index), chat_desk.tokenizer.decode(split.input_ids(index))
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": example.prompt},
            {"role": "assistant", "content": example.target},
        ]
        written = chat_desk.tokenizer.apply_chat_template(messages, tokenize=False)
        assert whole == written.rstrip() + chat_desk.tokenizer.eos_token
        assert example.prompt.startswith("question")


def test_a_system_prompt_that_the_template_does_not_know_joins_the_users(chat_desk: Desk) -> None:
    chat_desk.tokenizer.chat_template = NO_SYSTEM
    prompt, _ = texts(chat_desk, format="chat", system="Be brief.", prompt="{q}")[0]
    assert prompt.startswith("[user]Be brief.\n\nquestion") and prompt.endswith("[/][assistant]")


def test_a_system_prompt_without_a_chat(chat_desk: Desk) -> None:
    prompt, target = texts(chat_desk, system="Be brief.", prompt="{q}")[0]
    assert prompt.startswith("Be brief.\n\nquestion") and target.startswith(" answer")


def test_long_chats_lose_the_users_words_and_keep_the_template(chat_desk: Desk) -> None:
    whole = Chat(chat_desk.tokenizer, None, "k").wrap("")
    limit = len(chat_desk.tokenizer(whole)["input_ids"]) + 8
    rows = [{"q": "many words " * 30 + f"end{n}", "a": "a"} for n in range(4)]
    chat_desk.write_lines("d.jsonl", rows)
    for truncate, kept in ((None, "end"), ("q", "many")):
        for prompt, _ in texts(
            chat_desk, format="chat", prompt="{q}", truncate=truncate, max_prompt_tokens=limit
        ):
            assert prompt.startswith("<|im_start|>user\n") and kept in prompt
            assert prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_templates_that_cannot_be_trained_on_are_refused(chat_desk: Desk) -> None:
    chat_desk.tokenizer.chat_template = THINKING
    assert "tasks.t.format: the chat template" in chat_desk.complaint("d.jsonl", format="chat")
    chat_desk.tokenizer.chat_template = None
    assert "has no chat template; use format: text" in chat_desk.complaint("d.jsonl", format="chat")


def test_one_of_several_prompts_is_drawn_and_recorded(chat_desk: Desk) -> None:
    prompts = ["A {q}", "B {q}", "C {q}"]
    task = chat_desk.prepare("d.jsonl", prompt=prompts, test={"path": "d.jsonl"})
    drawn = Counter(e.prompt[0] for e in task.train.examples())
    assert set(drawn) == {"A", "B", "C"}
    for index, template in enumerate(task.train.templates):
        assert task.train.example(index).prompt[0] == "ABC"[template]
        assert task.train.example(index).template == template
    assert {e.prompt[0] for e in task.split("test").examples()} == {"A"}


def test_prompts_must_end_alike(chat_desk: Desk) -> None:
    with pytest.raises(Exception, match="some prompts end in white space and some do not"):
        chat_desk.prepare("d.jsonl", prompt=["{q}", "{q} "])


def test_presets_fill_in_what_is_not_said(desk: Desk) -> None:
    desk.write_lines("d.jsonl", [{"body": f"t{n}", "label": str(n % 2)} for n in range(8)])
    del desk.task["kind"], desk.task["prompt"], desk.task["target"]
    task = desk.prepare("d.jsonl", preset="sentiment", clean=[{"rename": {"body": "text"}}])
    assert task.kind == "classification" and task.config.metrics == ["accuracy", "macro_f1"]
    assert all(e.prompt.endswith("\nSentiment:") for e in task.train.examples())
    other = desk.prepare(
        "d.jsonl", preset="sentiment", prompt="{body}>", truncate=None, metrics=["matthews"]
    )
    assert other.config.metrics == ["matthews"] and other.train.example(0).prompt.endswith(">")
