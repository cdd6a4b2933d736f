"""Liger's fused kernels for what stands between a decoder's matrix products.

Norms, rotary positions and gated activations pass through memory once for every operation that
they are written as; on a GPU that is a third of a step. Liger-Kernel (arXiv:2410.10989) computes
each in one pass. The losses stay ours, which are per task.
"""

from __future__ import annotations

from transformers import PreTrainedModel
from transformers.integrations.liger import apply_liger_kernel
from transformers.utils.import_utils import is_liger_kernel_available

from tasktune.errors import UserError

OURS = {"cross_entropy": False, "fused_linear_cross_entropy": False}
"""Kernels that would take the output layer and the loss out of our hands."""


def use_liger_kernels(model: PreTrainedModel) -> None:
    """Puts Liger's kernels in the place of the model's own operations.

    Positions are replaced in Transformers' module, so for all models of the kind in this process.

    :raises UserError: if the package is missing, or has none for such a model.
    """
    if not is_liger_kernel_available():
        raise UserError(
            "model.kernels: liger-kernel is not installed; pip install 'tasktune[gpu]', or set"
            " kernels: none"
        )
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    kind = model.config.model_type
    if kind not in MODEL_TYPE_TO_APPLY_LIGER_FN:
        raise UserError(f"model.kernels: liger has none for '{kind}'; set kernels: none")
    apply_liger_kernel(model, OURS)
