"""Search by cross-validation: which settings of a run do best on examples that it didn't see."""

from importlib.util import find_spec

from tasktune.errors import UserError

if find_spec("optuna") is None:
    raise UserError("tasktune tune needs Optuna; install it with: pip install 'tasktune[tune]'")

from tasktune.tuning.tune import tune  # noqa: E402 - only where Optuna is

__all__ = ["tune"]
