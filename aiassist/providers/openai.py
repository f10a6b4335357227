"""OPENAI: the official SDK and its Responses API, which others speak too."""

import base64
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from aiassist.prompts import Prompt
from aiassist.providers.base import (
    ListedModel,
    ProviderFailed,
    ProviderRefused,
    ProviderTimedOut,
    Reply,
    counted,
    failure_of_status,
    retry_after,
)
from aiassist.providers.client import MAX_OUTPUT_TOKENS, Client, Declaration


class OpenAiClient(Client):
    def connect(self, timeout_s: float) -> Any:
        import openai  # noqa: PLC0415 - takes a second and 20 MB; only who asks pays

        # One Retry-After honoured by the SDK blocked a worker for 90 s.
        return openai.OpenAI(api_key=self.api_key, base_url=self.base_url, max_retries=0, timeout=timeout_s)

    def failure(self, error: Exception) -> ProviderFailed | None:
        import httpx2  # noqa: PLC0415
        import openai  # noqa: PLC0415

        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return ProviderTimedOut("no answer within the deadline")
        if isinstance(error, openai.APIStatusError):
            return failure_of_status(error.status_code, retry_after_s=retry_after(error.response.headers))
        # The last two: over an answer in a strange shape the SDK stumbles as we do.
        if isinstance(error, openai.OpenAIError | httpx2.HTTPError | OSError | ValueError | AttributeError | TypeError):
            return ProviderFailed(f"the call failed: {type(error).__name__}")
        return None

    def send(self, sdk: Any, prompt: Prompt) -> Reply:
        form = {"type": "json_schema", "name": prompt.schema_name, "schema": prompt.schema, "strict": True}
        response = sdk.responses.create(
            model=self.model_name,
            instructions=prompt.instructions,
            input=turns(prompt),
            text={"format": form},
            max_output_tokens=MAX_OUTPUT_TOKENS,
            store=False,
        )
        return reply_of(response)

    def listed(self, sdk: Any) -> Iterable[ListedModel]:
        return map(listed_model, sdk.models.list())

    def named(self, sdk: Any) -> ListedModel:
        return listed_model(sdk.models.retrieve(self.model_name))


def turns(prompt: Prompt) -> list[dict[str, Any]]:
    """The question with its photographs; for a repair also what the model said and what is wrong with it."""
    photos = [
        {
            "type": "input_image",
            "image_url": f"data:image/jpeg;base64,{base64.b64encode(image).decode()}",
            "detail": "high",
        }
        for image in prompt.images
    ]
    said: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "input_text", "text": prompt.text}, *photos]}]
    if prompt.previous:
        said.append({"role": "assistant", "content": prompt.previous})
    if prompt.complaint:
        said.append({"role": "user", "content": prompt.complaint})
    return said


def reply_of(response: Any) -> Reply:
    """The SDK hands on whatever came, so nothing of its shape is taken for granted."""
    output = getattr(response, "output", None)
    if not isinstance(output, list):
        raise ProviderFailed("the provider answered something that is no response")
    if getattr(response, "error", None):
        raise ProviderFailed(f"the provider reported {getattr(response.error, 'code', 'an error')}")
    parts = [part for item in output if item.type == "message" for part in item.content]
    text = "".join(part.text for part in parts if part.type == "output_text")
    reply = Reply(text, **tokens(getattr(response, "usage", None)))
    cut_for = getattr(getattr(response, "incomplete_details", None), "reason", None)
    if cut_for == "content_filter" or any(part.type == "refusal" for part in parts):
        raise ProviderRefused("the model declined to answer", reply=reply)
    return reply


def tokens(usage: Any) -> dict[str, int | None]:
    """xAI doesn't everywhere count among the output what its model thought; the total has it."""
    taken, written = counted(getattr(usage, "input_tokens", None)), counted(getattr(usage, "output_tokens", None))
    total = counted(getattr(usage, "total_tokens", None))
    if taken is not None and written is not None and total is not None:
        written = max(written, total - taken)
    cached = counted(getattr(getattr(usage, "input_tokens_details", None), "cached_tokens", None))
    return {"input_tokens": taken, "cached_tokens": cached, "output_tokens": written}


def listed_model(model: Any) -> ListedModel:
    try:
        retires_on = date.fromisoformat(str(getattr(model, "shutdown_date", None))[:10])
    except ValueError:
        retires_on = None
    return ListedModel(name=str(model.id), retires_on=retires_on)


PROVIDER = Declaration(
    name="OPENAI",
    label=_("OpenAI"),
    client=OpenAiClient,
    model="gpt-6-luna",
    base_url="https://api.openai.com/v1",
)
