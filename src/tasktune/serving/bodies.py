"""The requests' bodies, as OpenAI names their fields, and what Tasktune adds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

IGNORED = {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
"""Fields that change nothing of an answer."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""What this server does not do, and the values that ask for nothing of it."""


class Body(BaseModel):
    """Unknown fields are refused, as OpenAI refuses them."""

    model_config = ConfigDict(extra="forbid")

    model: str

    @model_validator(mode="before")
    @classmethod
    def _asks_for_what_there_is(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for key, neutral in NEUTRAL.items():
            value = data.get(key)
            if value is not None and not any(_same(value, allowed) for allowed in neutral):
                raise ValueError(f"{key} is not supported by this server; leave it out")
        left_out = IGNORED | set(NEUTRAL)
        return {key: value for key, value in data.items() if key not in left_out}


def _same(value: Any, allowed: Any) -> bool:
    """Equal, and both booleans or neither: ``logprobs: 0`` asks for log-probabilities."""
    return isinstance(value, bool) == isinstance(allowed, bool) and value == allowed


class StreamOptions(BaseModel):
    """How a stream ends."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Writing(Body):
    """What completions and chats have in common."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def stops(self) -> list[str] | None:
        """The strings that end the answer; None where it doesn't say."""
        return [self.stop] if isinstance(self.stop, str) else self.stop

    @property
    def counts_at_end(self) -> bool:
        """Whether a stream ends with the numbers of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


class CompletionBody(Writing):
    """``/v1/completions``.

    :param prompt: as the model reads it.
    :param row: instead of ``prompt``: columns, which the task's template renders.
    :param template: the task whose template that is; the model's own where absent.
    """

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)] | None = None
    row: dict[str, Any] | None = None
    template: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> CompletionBody:
        if (self.prompt is None) == (self.row is None):
            raise ValueError("give either prompt or row")
        return self

    @property
    def text(self) -> str:
        """The prompt."""
        assert self.prompt is not None
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


class TextPart(BaseModel):
    """A part of a message."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One message of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str
    name: str | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _parts_are_joined(cls, content: Any) -> Any:
        if not isinstance(content, list):
            return content
        return "".join(TextPart.model_validate(part).text for part in content)


class ChatBody(Writing):
    """``/v1/chat/completions``.

    :param row: instead of the last user message, for tasks of several columns.
    """

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    row: dict[str, Any] | None = None

    @property
    def room(self) -> int | None:
        """The tokens asked for, by either name."""
        return self.max_completion_tokens or self.max_tokens


class ClassifyBody(Body):
    """``/v1/classify``.

    :param rows: columns, which the task's template renders.
    :param input: instead of ``rows``: prompts as the model reads them.
    :param template: the task whose template and labels these are; the model's own where absent.
    """

    rows: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    input: str | Annotated[list[str], Field(min_length=1)] | None = None
    template: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> ClassifyBody:
        if (self.rows is None) == (self.input is None):
            raise ValueError("give either rows or input")
        return self

    @property
    def texts(self) -> list[str]:
        """The prompts."""
        assert self.input is not None
        return [self.input] if isinstance(self.input, str) else self.input


class RenderBody(Body):
    """``/v1/render``."""

    row: dict[str, Any]
