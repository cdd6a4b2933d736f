"""Architectures: decoder-only models, encoders, and encoder-decoders."""

from __future__ import annotations

from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from tasktune.model.architectures.base import Architecture, States
from tasktune.model.architectures.causal import Causal
from tasktune.model.architectures.encoder import Encoder
from tasktune.model.architectures.encoder_decoder import EncoderDecoder

__all__ = ["Architecture", "Causal", "Encoder", "EncoderDecoder", "States", "architecture_of"]


def architecture_of(description: PretrainedConfig) -> type[Architecture] | None:
    """The architecture of a model by its ``config.json``; None if it is none that is known."""
    kind = description.model_type
    if description.is_encoder_decoder:
        known = kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        return EncoderDecoder if known else None
    if _is_causal(description):
        return Causal
    return Encoder if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES else None


def _is_causal(description: PretrainedConfig) -> bool:
    """Whether it is a decoder-only model, and not an encoder that also has a causal class."""
    kind = description.model_type
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return bool(getattr(description, "auto_map", {}).get("AutoModelForCausalLM"))
    architectures = getattr(description, "architectures", None) or []
    named_causal = any("ForCausalLM" in name or "LMHead" in name for name in architectures)
    return named_causal or kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
