"""What tasks of common kinds have in common: values that a task's YAML need not repeat.

The columns that a preset's templates name are made by ``clean: [{rename: {...}}]`` where the data
has others.
"""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "sentiment": {
        "kind": "classification",
        "prompt": "{text}\nSentiment:",
        "target": "{label}",
        "truncate": "text",
        "metrics": ["accuracy", "macro_f1"],
    },
    "nli": {
        "kind": "classification",
        "prompt": "Premise: {premise}\nHypothesis: {hypothesis}\nRelation:",
        "target": "{label}",
        "labels": {  # as numbers in SNLI's and MNLI's order, or as words
            "0": "entailment",
            "1": "neutral",
            "2": "contradiction",
            "entailment": "entailment",
            "neutral": "neutral",
            "contradiction": "contradiction",
        },
        "truncate": "premise",
        "metrics": ["accuracy"],
    },
    "qa": {
        "kind": "generation",
        "prompt": "{context}\n\nQuestion: {question}\nAnswer:",
        "target": "{answers}",
        "truncate": "context",
        "metrics": ["exact_match", "token_f1"],
    },
    "summarisation": {
        "kind": "generation",
        "prompt": "{text}\n\nSummary:",
        "target": "{summary}",
        "truncate": "text",
        "metrics": ["rouge"],
    },
    "translation": {
        "kind": "generation",
        "prompt": "{source}\nTranslation:",
        "target": "{target}",
        "metrics": ["bleu", "chrf"],
    },
}
