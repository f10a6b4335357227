"""GEMINI through google-genai. Its predecessor google-generativeai is out of support since 2025-11-30."""

from typing import Any, Final

from aiassist.prompts import Prompt
from aiassist.providers.base import (
    ProviderFailed,
    ProviderRefused,
    ProviderTimedOut,
    Reply,
    counted,
    duration,
    failure_of_status,
    retry_after,
)

API_VERSION: Final = "v1beta"
MAX_OUTPUT_TOKENS: Final = 16_000
"""What a model thinks counts too, and takes several times what it writes."""

COMPLETE: Final = {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}
RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"


class GeminiProvider:
    name = "GEMINI"
    looks_at_photos = True
    follows_prompts = True

    def __init__(self, *, api_key: str, model: str, base_url: str = "") -> None:
        self.model_name = model
        self._api_key, self._base_url = api_key, base_url
        self._client: Any = None

    def is_configured(self) -> bool:
        return bool(self._api_key)

    def cancel(self) -> None:
        if self._client is not None:
            self._client.close()

    def ask(self, prompt: Prompt, *, deadline_s: float) -> Reply:
        import httpx  # noqa: PLC0415 - the SDK takes half a second to import and 40 MB; only who asks pays
        import httpx2  # noqa: PLC0415
        from google.genai import errors  # noqa: PLC0415

        try:
            response = self._send(prompt, deadline_s)
        except (httpx.TimeoutException, httpx2.TimeoutException, TimeoutError) as error:
            raise ProviderTimedOut("no answer within the deadline") from error
        except errors.APIError as error:
            raise failure_of_status(error.code, retry_after_s=wanted_pause(error)) from error
        except (httpx.HTTPError, httpx2.HTTPError, OSError, ValueError) as error:
            raise ProviderFailed(f"the call failed: {type(error).__name__}") from error
        finally:
            self.cancel()
        return self._reply(response)

    def _send(self, prompt: Prompt, deadline_s: float) -> Any:
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
        return self._client.models.generate_content(
            model=self.model_name,
            contents=turns(prompt),
            config=types.GenerateContentConfig(
                system_instruction=prompt.instructions,
                response_mime_type="application/json",
                response_json_schema=prompt.schema,
                max_output_tokens=MAX_OUTPUT_TOKENS,
            ),
        )

    @staticmethod
    def _reply(response: Any) -> Reply:
        """The raw text: `parsed` is None without a word when the text doesn't fit the schema."""
        candidates = response.candidates or []
        parts = (candidates[0].content and candidates[0].content.parts) or [] if candidates else []
        text = "".join(part.text for part in parts if part.text and not part.thought)
        reply = Reply(text, **tokens(response.usage_metadata))
        blocked = getattr(response.prompt_feedback, "block_reason", None)
        if blocked or (candidates and finish_reason(candidates[0]) not in COMPLETE):
            raise ProviderRefused("the model declined to answer", reply=reply)
        if not candidates:
            raise ProviderFailed("the provider answered without a candidate", reply=reply)
        return reply


def turns(prompt: Prompt) -> list[Any]:
    """The question with its photographs; for a repair also what the model said and what is wrong with it."""
    from google.genai import types  # noqa: PLC0415

    photos = [types.Part.from_bytes(data=image, mime_type="image/jpeg") for image in prompt.images]
    said = [types.Content(role="user", parts=[types.Part.from_text(text=prompt.text), *photos])]
    if prompt.previous:
        said.append(types.Content(role="model", parts=[types.Part.from_text(text=prompt.previous)]))
    if prompt.complaint:
        said.append(types.Content(role="user", parts=[types.Part.from_text(text=prompt.complaint)]))
    return said


def tokens(usage: Any) -> dict[str, int | None]:
    written, thought = (
        counted(getattr(usage, name, None)) for name in ("candidates_token_count", "thoughts_token_count")
    )
    return {
        "input_tokens": counted(getattr(usage, "prompt_token_count", None)),
        "cached_tokens": counted(getattr(usage, "cached_content_token_count", None)),
        "output_tokens": None if written is thought is None else (written or 0) + (thought or 0),
    }


def wanted_pause(error: Any) -> float | None:
    """Seconds from the header, or from the RetryInfo that Google puts into the error's details."""
    seconds = retry_after(error.response.headers) if error.response is not None else None
    if seconds is not None:
        return seconds
    said = error.details.get("error") if isinstance(error.details, dict) else None
    details = said.get("details") if isinstance(said, dict) else None
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and detail.get("@type") == RETRY_INFO:
            return duration(str(detail.get("retryDelay")))
    return None


def finish_reason(candidate: Any) -> str:
    reason = candidate.finish_reason
    return str(getattr(reason, "value", reason) or "STOP")
