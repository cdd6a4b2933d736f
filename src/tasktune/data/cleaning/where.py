"""Rows for which something holds."""

from __future__ import annotations

import ast
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from tasktune.data.cleaning.base import (
    EVERY_SPLIT,
    Cleaner,
    Mistake,
    Removed,
    Splits,
    Values,
    cleaners,
)

FUNCTIONS: dict[str, Any] = {
    "len": len, "lower": lambda text: str(text).lower(), "number": float, "text": str,
    "startswith": lambda text, start: str(text).startswith(start),
    "endswith": lambda text, end: str(text).endswith(end), "words": lambda text: str(text).split(),
}  # fmt: skip


@cleaners.register("where")
class Where(Cleaner):
    """Keeps the rows for which an expression on their columns is true.

    ``where: "number(stars) >= 4 and len(text) < 2000"``. A column is named as it stands; one whose
    name is no word as ``row['star rating']``. The simpleeval library reads the expression: it can
    compare, calculate and call len, lower, number, text, words, startswith and endswith, and
    nothing else; no code of the YAML's is run.

    :param keep: the expression.
    """

    shorthand = "keep"
    at_prediction = False

    def __init__(self, keep: str, splits: Splits = EVERY_SPLIT) -> None:
        self.keep = keep
        self.splits = splits
        self.evaluator = EvalWithCompoundTypes(functions=FUNCTIONS)
        try:
            self.tree = ast.parse(keep.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else error
            raise Mistake(f"{keep!r} is no expression: {reason}") from None

    def clean(self, values: Values) -> list[Values]:
        self.evaluator.names = {**values, "row": values}
        try:
            kept = self.evaluator.eval(self.keep, previously_parsed=self.tree)
        except InvalidExpression as error:
            raise Mistake(f"{self.keep!r}: {error}") from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Removed(f"{self.keep!r} cannot be told of it: {error}") from None
        if not kept:
            raise Removed(f"{self.keep!r} does not hold")
        return [values]
