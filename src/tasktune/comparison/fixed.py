"""What is the same for all runs that are compared."""

from __future__ import annotations

from tasktune.errors import UserError

OF_THE_COMPARISON = ("seed", "output", "data_folder", "tune", "compare", "affinity", "evaluation")
OF_THE_MACHINE = ("training.precision", "training.trackers")
OF_THE_DATA = (
    "preset", "kind", "train", "validation", "test", "validation_fraction", "clean", "target",
    "labels", "range", "domain", "group", "on_bad_rows", "metrics",
)  # fmt: skip


def refuse_fixed(key: str, place: str) -> None:
    """Refuses keys that would change what runs are compared by.

    :param place: where the key stands, for the message.
    :raises UserError: naming the key.
    """
    section, _, rest = key.partition(".")
    of_task = section == "tasks" and rest.partition(".")[2].partition(".")[0]
    if section in OF_THE_COMPARISON or key.startswith(OF_THE_MACHINE) or of_task in OF_THE_DATA:
        raise UserError(
            f"{place}: '{key}' is the same for all that is compared; choose another key"
        )
    if key == "training" or (section == "tasks" and not of_task):
        whole = key if rest or key == "training" else "tasks.NAME"
        raise UserError(
            f"{place}: '{key}' as a whole holds what is the same for all that is compared; name its"
            f" keys one by one, as in {whole}.learning_rate"
        )
