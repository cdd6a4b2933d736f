"""Python's reference: which objects have a page; mkdocstrings fills it from their docstrings."""

from __future__ import annotations

PAGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "reference/run.md": (
        "A run",
        "What the commands do, for Python: `tasktune.load` opens a run file or a run's folder.",
        ("tasktune.load", "tasktune.run.Run", "tasktune.errors.UserError"),
    ),
    "reference/evaluation.md": (
        "Evaluation",
        "What `Run.evaluate` and `Run.predict` give.",
        ("tasktune.evaluation.evaluate.EvaluationResult", "tasktune.evaluation.predict.Prediction"),
    ),
    "reference/batching.md": (
        "Batches",
        "Examples of several tasks in one batch, sorted by task.",
        (
            "tasktune.batching.item.Item",
            "tasktune.batching.batch.Batch",
            "tasktune.batching.packing.pack",
            "tasktune.batching.padding.pad",
            "tasktune.batching.output.output_on_targets",
            "tasktune.batching.self_test.packed_equals_separate",
        ),
    ),
    "reference/gradients.md": (
        "Gradients and weightings",
        "Each task's gradient from one backward pass, and what becomes of them.",
        (
            "tasktune.objective.peft_gradients.task_gradients",
            "tasktune.objective.peft_gradients.PeftGradients",
            "tasktune.objective.gradients.TaskGradients",
            "tasktune.objective.weightings.base.Weighting",
            "tasktune.objective.weightings.base.StepTasks",
        ),
    ),
    "reference/integrations.md": (
        "A Trainer loop of your own",
        "Parts for `transformers.Trainer`.",
        (
            "tasktune.integrations.TaskCollator",
            "tasktune.integrations.TaskMonitor",
            "tasktune.integrations.TaskWeighting",
        ),
    ),
    "reference/extending.md": (
        "Methods of your own",
        "What a method is: a class in a file, filed in a registry.",
        (
            "tasktune.registry.Registry",
            "tasktune.model.layouts.base.Layout",
            "tasktune.sampling.mixtures.base.Mixture",
            "tasktune.sampling.curricula.base.Curriculum",
            "tasktune.objective.penalties.base.Penalty",
            "tasktune.evaluation.metrics.base.Metric",
        ),
    ),
}
"""Each page's title, first sentence and objects."""


def reference_pages() -> dict[str, str]:
    """The pages' Markdown, by file."""
    return {
        file: "\n\n".join([f"# {title}", sentence, *(f"::: {name}" for name in names)]) + "\n"
        for file, (title, sentence, names) in PAGES.items()
    }
