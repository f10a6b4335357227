"""OPENAI and GROK: the same SDK and the same protocol (Responses), another address."""

import base64
from typing import Any, Final

from aiassist.prompts import Prompt
from aiassist.providers.base import (
    ProviderFailed,
    ProviderRefused,
    ProviderTimedOut,
    Reply,
    counted,
    failure_of_status,
    retry_after,
)

MAX_OUTPUT_TOKENS: Final = 16_000
"""What a model thinks counts too, and takes several times what it writes."""


class OpenAiProvider:
    looks_at_photos = True
    follows_prompts = True

    def __init__(self, *, name: str, api_key: str, model: str, base_url: str = "") -> None:
        self.name, self.model_name = name, model
        self._api_key, self._base_url = api_key, base_url
        self._client: Any = None

    def is_configured(self) -> bool:
        return bool(self._api_key)

    def cancel(self) -> None:
        if self._client is not None:
            self._client.close()

    def ask(self, prompt: Prompt, *, deadline_s: float) -> Reply:
        import httpx2  # noqa: PLC0415 - the SDK takes a second to import and 20 MB; only who asks pays
        import openai  # noqa: PLC0415

        try:
            response = self._send(openai, prompt, deadline_s)
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise ProviderTimedOut("no answer within the deadline") from error
        except openai.APIStatusError as error:
            headers = error.response.headers
            raise failure_of_status(error.status_code, retry_after_s=retry_after(headers)) from error
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise ProviderFailed(f"the call failed: {type(error).__name__}") from error
        finally:
            self.cancel()
        return self._reply(response)

    def _send(self, openai: Any, prompt: Prompt, deadline_s: float) -> Any:
        self._client = openai.OpenAI(
            api_key=self._api_key,
            base_url=self._base_url or "https://api.openai.com/v1",
            max_retries=0,  # retries are ours: one honoured Retry-After blocked a worker for 90 s
            timeout=deadline_s,
        )
        return self._client.responses.create(
            model=self.model_name,
            instructions=prompt.instructions,
            input=turns(prompt),
            text={
                "format": {
                    "type": "json_schema",
                    "name": prompt.schema_name,
                    "schema": prompt.schema,
                    "strict": True,
                }
            },
            max_output_tokens=MAX_OUTPUT_TOKENS,
            store=False,
        )

    @staticmethod
    def _reply(response: Any) -> Reply:
        """The raw text; the SDK hands on whatever came, so nothing of its shape is taken for granted."""
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
