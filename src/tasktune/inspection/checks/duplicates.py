"""Equal examples within a split, and examples of one split that another one holds too."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Any

from tasktune.data import Task
from tasktune.data.templates import Template
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity, examples
from tasktune.inspection.texts import Texts, folded

SHOWN = 5
MANY = 0.01  # of a split's examples
TOO_MANY = 0.1  # of train, where a repetition only weighs more


def duplicates(material: Material) -> Finding:
    """Counts repeated and contradicting examples, capitals and white space aside."""
    figures: dict[str, dict[str, Any]] = {}
    problems = []
    for task in material.tasks:
        splits = [material.texts(task, name) for name in task.splits]
        within = {texts.name: repeated(texts) for texts in splits}
        across = {f"{a.name} in {b.name}": shared(a, b) for a, b in pairs(splits)}
        figures[task.name] = {"within": within, "across": across}
        for texts in splits:
            problems += within_problems(texts, within[texts.name])
        for held, holder in pairs(splits):
            found = across[f"{held.name} in {holder.name}"]
            problems += across_problems(held, holder, found)
    return Finding(figures, problems)


def pairs(splits: list[Texts]) -> list[tuple[Texts, Texts]]:
    """``(test, train)``: the later split first, in which an example of the earlier has no place."""
    return [(later, earlier) for earlier, later in combinations(splits, 2)]


def repeated(texts: Texts) -> dict[str, Any]:
    """Repetitions of an example, and prompts that have several answers."""
    answers: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (content, target) in enumerate(zip(texts.contents, texts.targets, strict=True)):
        answers[content][folded(target)].append(row)
    copies = [rows for found in answers.values() for rows in found.values() if len(rows) > 1]
    apart = [found for found in answers.values() if len(found) > 1]
    return {
        "repeated": sum(len(rows) - 1 for rows in copies),
        "contradicting": sum(len(rows) for found in apart for rows in found.values()),
        "examples": [[texts.places[row] for row in rows[:3]] for rows in copies[:SHOWN]],
        "contradictions": [
            [texts.places[rows[0]] for rows in found.values()][:3] for found in apart[:SHOWN]
        ],
    }


def shared(held: Texts, holder: Texts) -> dict[str, Any]:
    """How many examples of ``held`` have a prompt that ``holder`` has too."""
    known = {content: row for row, content in enumerate(holder.contents)}
    rows = [row for row, content in enumerate(held.contents) if content in known]
    places = [[held.places[row], holder.places[known[held.contents[row]]]] for row in rows[:SHOWN]]
    return {"shared": len(rows), "share": len(rows) / len(held), "examples": places}


def within_problems(texts: Texts, found: dict[str, Any]) -> list[Problem]:
    """What is wrong within one split."""
    problems = []
    share = found["repeated"] / len(texts)
    if share >= MANY:
        such = " and ".join(found["examples"][0][:2])
        said = f"equal to an earlier one: {examples(found['repeated'], share)}, such as {such}"
        severity: Severity = "low" if texts.name == "train" and share < TOO_MANY else "medium"
        mend = clean(texts.task, splits=f"[{texts.name}]")
        problems.append(Problem(severity, "duplicates", texts.key, said, mend, share))
    count = found["contradicting"]
    if count and texts.task.kind == "classification":
        first = " and ".join(found["contradictions"][0][:2])
        size = count / len(texts)
        said = f"equal texts with a different label: {examples(count, size)}, such as {first}"
        mend = f"{clean(texts.task, splits=f'[{texts.name}]')}  # keeps the first; or mend the rows"
        severity = "medium" if size >= MANY else "low"
        problems.append(Problem(severity, "duplicates", texts.key, said, mend, size))
    return problems


def across_problems(held: Texts, holder: Texts, found: dict[str, Any]) -> list[Problem]:
    """What is wrong between two splits of a task."""
    if not found["shared"]:
        return []
    one, other = found["examples"][0]
    many = examples(found["shared"], found["share"])
    said = f"in {holder.name} too: {many}, such as {one} and {other}"
    severity: Severity = "high" if found["share"] >= MANY else "medium"
    if holder.name == "train":
        against = "[validation, test]" if "test" in held.task.splits else "[validation]"
        mend = clean(held.task, against=against)
        said += "; what they are tested on was trained on"
    else:
        severity = "low"
        mend = clean(held.task, against=f"[{held.name}]", splits=f"[{holder.name}]")
    return [Problem(severity, "duplicates", held.key, said, mend, found["share"])]


def clean(task: Task, **options: str) -> str:
    """The cleaning step that takes equal rows out."""
    columns = f"columns: [{', '.join(prompt_columns(task))}]"
    given = ", ".join([columns, *(f"{key}: {value}" for key, value in options.items())])
    return f"tasks.{task.name}.clean: [{{deduplicate: {{{given}}}}}]"


def prompt_columns(task: Task) -> list[str]:
    """The columns that a task's texts are made of."""
    texts = task.config.prompts if task.kind != "language_modeling" else [str(task.config.target)]
    return list(dict.fromkeys(name for text in texts for name in Template(text, "").columns))
