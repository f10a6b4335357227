"""OPENAI and GROK: the same SDK and the same protocol (Responses), another address."""

import base64
from typing import Any, Final

from aiassist.answer import answer_schema
from aiassist.prompts import ANALYZE_FAULT, facts, instructions
from aiassist.providers.base import (
    ProviderFailed,
    ProviderRefused,
    ProviderRejected,
    ProviderTimedOut,
    Reply,
)
from aiassist.question import Question

MAX_OUTPUT_TOKENS: Final = 4000
MAY_PASS: Final = {408, 409, 425, 429}


class OpenAiProvider:
    prompt_version = ANALYZE_FAULT
    looks_at_photos = True

    def __init__(self, *, name: str, api_key: str, model: str, base_url: str = "") -> None:
        self.name, self.model_name = name, model
        self._api_key, self._base_url = api_key, base_url
        self._client: Any = None

    def is_configured(self) -> bool:
        return bool(self._api_key)

    def cancel(self) -> None:
        if self._client is not None:
            self._client.close()

    def ask(self, question: Question, *, deadline_s: float) -> Reply:
        import httpx2  # noqa: PLC0415 - the SDK takes a second to import and 20 MB; only who asks pays
        import openai  # noqa: PLC0415

        try:
            response = self._send(openai, question, deadline_s)
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise ProviderTimedOut("no answer within the deadline") from error
        except openai.APIStatusError as error:
            if error.status_code in MAY_PASS or error.status_code >= 500:
                raise ProviderFailed(f"the provider answered {error.status_code}") from error
            raise ProviderRejected(f"the provider answered {error.status_code}") from error
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise ProviderFailed(f"the call failed: {type(error).__name__}") from error
        finally:
            self.cancel()
        return self._reply(response)

    def _send(self, openai: Any, question: Question, deadline_s: float) -> Any:
        self._client = openai.OpenAI(
            api_key=self._api_key,
            base_url=self._base_url or "https://api.openai.com/v1",
            max_retries=0,  # retries are ours: one honoured Retry-After blocked a worker for 90 s
            timeout=deadline_s,
        )
        return self._client.responses.create(
            model=self.model_name,
            instructions=instructions(self.prompt_version),
            input=[{"role": "user", "content": content(question)}],
            text={
                "format": {
                    "type": "json_schema",
                    "name": "fault_analysis",
                    "schema": answer_schema(),
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
        if any(part.type == "refusal" for part in parts):
            raise ProviderRefused("the model declined to answer")
        usage = getattr(response, "usage", None)
        return Reply(
            text="".join(part.text for part in parts if part.type == "output_text"),
            input_tokens=getattr(usage, "input_tokens", None),
            output_tokens=getattr(usage, "output_tokens", None),
        )


def content(question: Question) -> list[dict[str, str]]:
    photos = [
        {
            "type": "input_image",
            "image_url": f"data:image/jpeg;base64,{base64.b64encode(image).decode()}",
            "detail": "high",
        }
        for image in question.images
    ]
    return [{"type": "input_text", "text": facts(question)}, *photos]
