"""GEMINI through google-genai. Its predecessor google-generativeai is out of support since 2025-11-30."""

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

API_VERSION: Final = "v1beta"
MAX_OUTPUT_TOKENS: Final = 4000
MAY_PASS: Final = {408, 409, 425, 429}
COMPLETE: Final = {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}


class GeminiProvider:
    name = "GEMINI"
    prompt_version = ANALYZE_FAULT
    looks_at_photos = True

    def __init__(self, *, api_key: str, model: str, base_url: str = "") -> None:
        self.model_name = model
        self._api_key, self._base_url = api_key, base_url
        self._client: Any = None

    def is_configured(self) -> bool:
        return bool(self._api_key)

    def cancel(self) -> None:
        if self._client is not None:
            self._client.close()

    def ask(self, question: Question, *, deadline_s: float) -> Reply:
        import httpx  # noqa: PLC0415 - the SDK takes half a second to import and 40 MB; only who asks pays
        import httpx2  # noqa: PLC0415
        from google.genai import errors  # noqa: PLC0415

        try:
            response = self._send(question, deadline_s)
        except (httpx.TimeoutException, httpx2.TimeoutException, TimeoutError) as error:
            raise ProviderTimedOut("no answer within the deadline") from error
        except errors.APIError as error:
            if error.code in MAY_PASS or error.code >= 500:
                raise ProviderFailed(f"the provider answered {error.code}") from error
            raise ProviderRejected(f"the provider answered {error.code}") from error
        except (httpx.HTTPError, httpx2.HTTPError, OSError, ValueError) as error:
            raise ProviderFailed(f"the call failed: {type(error).__name__}") from error
        finally:
            self.cancel()
        return self._reply(response)

    def _send(self, question: Question, deadline_s: float) -> Any:
        from google import genai  # noqa: PLC0415
        from google.genai import types  # noqa: PLC0415

        self._client = genai.Client(
            api_key=self._api_key,
            vertexai=False,
            http_options=types.HttpOptions(
                base_url=self._base_url or None,
                api_version=API_VERSION,
                timeout=max(1, round(deadline_s * 1000)),
                retry_options=types.HttpRetryOptions(attempts=1),
            ),
        )
        photos = [types.Part.from_bytes(data=image, mime_type="image/jpeg") for image in question.images]
        return self._client.models.generate_content(
            model=self.model_name,
            contents=[types.Content(role="user", parts=[types.Part.from_text(text=facts(question)), *photos])],
            config=types.GenerateContentConfig(
                system_instruction=instructions(self.prompt_version),
                response_mime_type="application/json",
                response_json_schema=answer_schema(),
                max_output_tokens=MAX_OUTPUT_TOKENS,
            ),
        )

    @staticmethod
    def _reply(response: Any) -> Reply:
        """The raw text: `parsed` is None without a word when the text doesn't fit the schema."""
        candidates = response.candidates or []
        blocked = getattr(response.prompt_feedback, "block_reason", None)
        if blocked or (candidates and finish_reason(candidates[0]) not in COMPLETE):
            raise ProviderRefused("the model declined to answer")
        if not candidates:
            raise ProviderFailed("the provider answered without a candidate")
        parts = (candidates[0].content and candidates[0].content.parts) or []
        usage = response.usage_metadata
        return Reply(
            text="".join(part.text for part in parts if part.text and not part.thought),
            input_tokens=getattr(usage, "prompt_token_count", None),
            output_tokens=getattr(usage, "candidates_token_count", None),
        )


def finish_reason(candidate: Any) -> str:
    reason = candidate.finish_reason
    return str(getattr(reason, "value", reason) or "STOP")
