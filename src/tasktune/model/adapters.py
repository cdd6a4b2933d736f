"""The adapters' parameters on PEFT's layers: the one file that touches PEFT's extension point.

PEFT finds the target modules and wraps them, quantised ones too. A ``LoraVariant`` then hands each
wrapped layer's product to the layout. ``LoraVariant`` calls itself private, so ``constraints.txt``
pins the PEFT that was tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import LoraVariant
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasktune.errors import UserError
from tasktune.model.frozen import FrozenPairs
from tasktune.model.grouped_lora import grouped_dropout, grouped_lora
from tasktune.model.layouts import Factors, LayerShape, Layout
from tasktune.model.layouts.shared import Shared
from tasktune.model.routing import Routing

ADAPTER = "default"
UNSUPPORTED = ("AwqLoraLinear", "EetqLoraLinear", "AqlmLoraLinear")


class LayerAdapters(nn.Module):
    """One layer's LoRA parameters under a layout.

    :param layout: how they fold into a pair a task.
    :param shared: the parameters that tasks share, by name.
    :param private: the parameters with one entry a task, each ``[K, ...]``, by name.
    """

    frozen: FrozenPairs | None = None
    """The pairs of all tasks, once nothing trains any more."""

    def __init__(
        self,
        layout: Layout,
        routing: Routing,
        shared: dict[str, nn.Parameter],
        private: dict[str, nn.Parameter],
    ) -> None:
        super().__init__()
        self.layout = layout
        self.routing = routing
        self.shared = nn.ParameterDict(shared)
        self.private = nn.ParameterDict(private)

    def factors(self) -> Factors:
        """The pairs of the tasks that are routed now."""
        shared = {name: self._view(parameter) for name, parameter in self.shared.items()}
        private = {name: self._entries(parameter) for name, parameter in self.private.items()}
        return self.layout.fold(shared, private)

    @torch.no_grad()
    def freeze(self) -> None:
        """Folds all tasks' pairs for good: parameters that change afterwards change nothing."""
        shared = {name: parameter.unsqueeze(0) for name, parameter in self.shared.items()}
        factors = self.layout.fold(shared, dict(self.private))
        self.frozen = FrozenPairs(factors, self.layout.tasks)

    def task_factors(self, task: int) -> Factors:
        """Task ``task``'s own pair, ``G = 1``."""
        shared = {name: parameter.unsqueeze(0) for name, parameter in self.shared.items()}
        return self._fold(shared, task)

    def pass_factors(self, task: int) -> Factors:
        """The same as the pass under way has it: of a present task's views where there are some."""
        shared = {name: self._task_view(parameter, task) for name, parameter in self.shared.items()}
        return self._fold(shared, task)

    def _fold(self, shared: dict[str, Tensor], task: int) -> Factors:
        private = {name: parameter[task : task + 1] for name, parameter in self.private.items()}
        return self.layout.fold(shared, private)

    def _view(self, parameter: Tensor) -> Tensor:
        """A shared parameter for the fold: itself, or each present task's own view of it."""
        views = self.routing.views.get(id(parameter))
        if views is None:
            return parameter.unsqueeze(0)
        return _rows(views, self.routing.view_rows)

    def _task_view(self, parameter: Tensor, task: int) -> Tensor:
        views = self.routing.views.get(id(parameter))
        if views is None:
            return parameter.unsqueeze(0)
        return _rows(views, (self.routing.view_tasks.index(task),))

    def _entries(self, parameter: Tensor) -> Tensor:
        return _rows(parameter, self.routing.tasks)


def _rows(values: Tensor, rows: tuple[int, ...]) -> Tensor:
    """``values[rows]`` without a copy where the rows are a range, as they mostly are."""
    first, count = rows[0], len(rows)
    if rows == tuple(range(first, first + count)):
        return values[first : first + count]
    return values[torch.tensor(rows, device=values.device)]


class GroupedVariant(LoraVariant):
    """Sends a layer's input through its tasks' pairs."""

    @staticmethod
    def init(module: LoraLayer, adapter_name: str) -> None:
        """Nothing: the parameters are in ``module.task_adapters``."""

    @staticmethod
    def forward(
        module: LoraLayer, active_adapter: str, x: Tensor, result: Tensor, **kwargs: Any
    ) -> Tensor:
        """The frozen layer's ``result`` plus each token's own task's low-rank product."""
        adapters = task_adapters(module)
        assert isinstance(module, nn.Module)
        if not adapters.routing.enabled:
            return result
        if adapters.frozen is not None:
            flat = result.view(-1, result.shape[-1])
            adapters.frozen.add_to(flat, x.flatten(0, -2), adapters.routing)
            return result
        rows: Tensor = module.lora_dropout[active_adapter](x).flatten(0, -2)
        offsets = adapters.routing.token_offsets(rows.shape[0])
        if module.training:
            rows = grouped_dropout(rows, adapters.routing.task_dropouts, offsets)
        output = grouped_lora(result.flatten(0, -2), rows, adapters.factors(), offsets)
        return output.view(result.shape)


def add_adapters(
    model: PreTrainedModel,
    layout: Layout,
    routing: Routing,
    *,
    targets: str | list[str],
    task_type: str = "CAUSAL_LM",
) -> PeftModel:
    """Wraps the target modules of ``model`` and gives each the layout's parameters.

    :raises UserError: if no module fits ``targets``, or a layer can't be served: the output layer,
        or one quantised in some ways.
    """
    config = LoraConfig(
        r=layout.rank,
        lora_alpha=layout.rank,  # the layout applies its own scaling
        lora_dropout=0.0,  # each task's inputs are dropped by its own rate
        target_modules=targets,
        task_type=task_type,
    )
    try:
        wrapped = get_peft_model(model, config, adapter_name=ADAPTER)
    except (ValueError, re.error) as error:
        raise UserError(f"adapter.targets: {_first_sentence(error)}") from None
    if isinstance(model.get_output_embeddings(), LoraLayer):
        raise UserError(
            "adapter.targets: the output layer runs on targets only, and its rows are not the"
            " tokens that adapters are routed by; leave it out"
        )
    for _, layer in adapted_layers(wrapped):
        _attach(layer, layout, routing)
    return wrapped


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0].replace("\n", " ")


def adapted_layers(model: nn.Module) -> Iterator[tuple[str, LoraLayer]]:
    """Each layer that PEFT wrapped, with its name in the base model."""
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            yield name.removeprefix("base_model.model."), module


def grouped_adapter(layer: LoraLayer, routing: Routing) -> list[nn.Parameter]:
    """Sends a PEFT layer's own active adapter through the grouped product, as layout ``shared``.

    :returns: its A and B, which the product uses as they are.
    """
    (name,) = layer.active_adapters
    down, up = (getattr(factor[name], "weight") for factor in (layer.lora_A, layer.lora_B))  # noqa: B009
    shared = Shared(tasks=1, rank=down.shape[0], alpha=layer.scaling[name] * down.shape[0])
    assert isinstance(layer, nn.Module)
    layer.add_module("task_adapters", LayerAdapters(shared, routing, {"down": down, "up": up}, {}))
    layer.lora_variant[name] = GroupedVariant()
    return [down, up]


def task_adapters(layer: LoraLayer) -> LayerAdapters:
    """The parameters that a wrapped layer carries for its tasks."""
    adapters = getattr(layer, "task_adapters")  # noqa: B009  PEFT's class does not declare it
    assert isinstance(adapters, LayerAdapters)
    return adapters


def _attach(layer: LoraLayer, layout: Layout, routing: Routing) -> None:
    if type(layer).__name__ in UNSUPPORTED or not isinstance(layer, nn.Module):
        raise UserError(
            f"model.quantization: adapters on {type(layer).__name__} would be summed over all"
            " tasks; use bitsandbytes, GPTQ or HQQ quantisation"
        )
    if ADAPTER not in layer.lora_A:
        raise UserError(
            f"adapter.targets: {type(layer).__name__} layers take no adapter; name linear ones"
        )
    down, up = (getattr(factor[ADAPTER], "weight") for factor in (layer.lora_A, layer.lora_B))  # noqa: B009
    shape = LayerShape(inputs=down.shape[1], outputs=up.shape[0])
    layer.add_module(
        "task_adapters",
        LayerAdapters(
            layout,
            routing,
            {n: nn.Parameter(value.to(down.device)) for n, value in layout.shared(shape).items()},
            {n: nn.Parameter(value.to(down.device)) for n, value in layout.private(shape).items()},
        ),
    )
    for parameter in (down, up):  # PEFT's own pair marks the place: it neither trains nor applies
        parameter.requires_grad_(False)
    layer.cast_input_dtype_enabled = False  # the product runs in the frozen layer's own precision
    layer.lora_variant[ADAPTER] = GroupedVariant()
