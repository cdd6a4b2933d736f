"""Layouts: which LoRA factors a task passes through."""

from tasktune.model.layouts.base import Factors, LayerShape, Layout, Parameters, layouts

__all__ = ["Factors", "LayerShape", "Layout", "Parameters", "layouts"]
