"""What a search may try, and how a choice becomes a run."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tasktune.comparison.fixed import refuse_fixed
from tasktune.config import RangeConfig, RunConfig
from tasktune.config_file import parse_config, plain, set_key, value_at
from tasktune.errors import UserError
from tasktune.run import Run


class Space:
    """The keys that are searched, each with what may be tried.

    :param config: the run as it stands; its ``tune.search``, or the default space.
    :raises UserError: for a key that isn't one, or a value that it can't take.
    """

    def __init__(self, config: RunConfig) -> None:
        self.content = plain(config)
        self.search = config.tune.search or default_search(config)
        self.choices: dict[str, dict[str, Any]] = {}
        self.distributions = {key: self._distribution(key) for key in self.search}
        for key, tried in self.search.items():
            refuse_fixed(key, "tune.search")
            ends = tried if isinstance(tried, list) else [tried.low, tried.high]
            for value in ends:
                self._try(key, value)

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Optuna's parameters as values of the keys."""
        return {
            key: self.choices[key][value] if key in self.choices else value
            for key, value in parameters.items()
        }

    def config(self, values: Mapping[str, Any]) -> RunConfig:
        """The run with these values.

        :raises UserError: if they don't fit together.
        """
        content = copy.deepcopy(self.content)
        for key, value in values.items():
            set_key(content, key, copy.deepcopy(value))
        return parse_config(content, "tune.search")

    @property
    def finite(self) -> bool:
        """Whether no key takes any number of a range."""
        return all(listed(known) is not None for known in self.distributions.values())

    def untried(self, tried: Collection[dict[str, Any]]) -> dict[str, Any] | None:
        """Parameters of a finite space that were not tried; none where all were."""
        every = [listed(known) or [] for known in self.distributions.values()]
        for combination in itertools.product(*every):
            parameters = dict(zip(self.distributions, combination, strict=True))
            if parameters not in tried:
                return parameters
        return None

    def _distribution(self, key: str) -> BaseDistribution:
        tried = self.search[key]
        if isinstance(tried, RangeConfig):
            return numbers(tried, whole=not isinstance(value_at(self.content, key), float))
        self.choices[key] = {label(value): value for value in tried}
        if len(self.choices[key]) < len(tried):
            raise UserError(f"tune.search.{key}: a choice stands twice")
        return CategoricalDistribution(list(self.choices[key]))

    def _try(self, key: str, value: Any) -> None:
        """Builds the run with one value, so that a misspelt key is refused before all training."""
        try:
            Run(self.config({key: value}))
        except UserError as error:
            reason = str(error).removeprefix("tune.search: ")
            raise UserError(f"tune.search.{key}: with {label(value)}: {reason}") from None


def numbers(tried: RangeConfig, whole: bool) -> BaseDistribution:
    """A range as Optuna has it.

    :param whole: whether the key may be one that takes whole numbers alone.
    """
    low, high, step = tried.low, tried.high, tried.step
    if whole and isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
        return IntDistribution(low, high, log=tried.log, step=step or 1)
    return FloatDistribution(low, high, log=tried.log, step=step)


def listed(known: BaseDistribution) -> Sequence[Any] | None:
    """The values of a distribution; none where it takes any number of a range."""
    if isinstance(known, CategoricalDistribution):
        return known.choices
    if isinstance(known, IntDistribution):
        return range(known.low, known.high + 1, known.step)
    if isinstance(known, FloatDistribution) and known.step is not None:
        count = math.floor((known.high - known.low) / known.step + 1e-9) + 1
        return [known.low + k * known.step for k in range(count)]
    return None


def label(value: Any) -> str:
    """A choice as people read it, also where it is a whole section."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=math.inf)
    return str(text).removesuffix("\n").removesuffix("\n...")


def default_search(config: RunConfig) -> dict[str, list[Any] | RangeConfig]:
    """What is worth trying where the YAML names nothing: the rate first, then what regularises.

    The learning rate matters most in fine-tuning with LoRA (Schulman and Lab 2025, "LoRA without
    regret"); a factor of four either way holds what is usually best.
    """
    rate = config.training.learning_rate
    rates = {"low": rate / 4, "high": rate * 4, "log": True}
    return {
        "training.learning_rate": RangeConfig.model_validate(rates),
        "adapter.dropout": RangeConfig.model_validate({"low": 0.0, "high": 0.2, "step": 0.05}),
        "training.weight_decay": [0.0, 0.01, 0.1],
    }
