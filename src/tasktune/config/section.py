"""What all sections of the YAML have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the YAML: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MethodSection(BaseModel):
    """A section that names a method; every other key is an argument of its constructor."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """The constructor arguments that the YAML sets."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def own_keys(self) -> list[str]:
        """The keys that any method's section may have."""
        return list(type(self).model_fields)
