"""GEMINI through google-genai. Its predecessor google-generativeai is out of support since 2025-11-30."""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from aiassist.prompts import Prompt
from aiassist.providers.base import (
    ListedModel,
    ProviderFailed,
    ProviderRefused,
    ProviderTimedOut,
    Reply,
    counted,
    duration,
    failure_of_status,
    retry_after,
)
from aiassist.providers.client import MAX_OUTPUT_TOKENS, Client, Declaration

API_VERSION: Final = "v1beta"
COMPLETE: Final = {"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"}
BROKEN: Final = {"OTHER", "MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}
"""Ends of an answer that are nobody's decision: the next try may do. Every other end is a refusal."""

RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
END_IN_SIGHT: Final = re.compile(r"deprecat|retire|discontinu|sunset|shut ?down", re.IGNORECASE)


class GeminiClient(Client):
    def connect(self, timeout_s: float) -> Any:
        from google import genai  # noqa: PLC0415 - takes half a second and 40 MB; only who asks pays
        from google.genai import types  # noqa: PLC0415

        options = types.HttpOptions(
            base_url=self.base_url,
            api_version=API_VERSION,
            timeout=max(1, round(timeout_s * 1000)),
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        return genai.Client(api_key=self.api_key, vertexai=False, http_options=options)

    def failure(self, error: Exception) -> ProviderFailed | None:
        import httpx  # noqa: PLC0415
        import httpx2  # noqa: PLC0415
        from google.genai import errors  # noqa: PLC0415

        if isinstance(error, httpx.TimeoutException | httpx2.TimeoutException | TimeoutError):
            return ProviderTimedOut("no answer within the deadline")
        if isinstance(error, errors.APIError):
            return failure_of_status(error.code, retry_after_s=wanted_pause(error))
        # The last two: over an answer in a strange shape the SDK stumbles as we do.
        if isinstance(error, httpx.HTTPError | httpx2.HTTPError | OSError | ValueError | AttributeError | TypeError):
            return ProviderFailed(f"the call failed: {type(error).__name__}")
        return None

    def send(self, sdk: Any, prompt: Prompt) -> Reply:
        from google.genai import types  # noqa: PLC0415

        config = types.GenerateContentConfig(
            system_instruction=prompt.instructions,
            response_mime_type="application/json",
            response_json_schema=prompt.schema,
            max_output_tokens=MAX_OUTPUT_TOKENS,
        )
        return reply_of(sdk.models.generate_content(model=self.model_name, contents=turns(prompt), config=config))

    def listed(self, sdk: Any) -> Iterable[ListedModel]:
        return map(listed_model, sdk.models.list(config={"page_size": 1000}))

    def named(self, sdk: Any) -> ListedModel:
        return listed_model(sdk.models.get(model=self.model_name))


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


def reply_of(response: Any) -> Reply:
    """The raw text: `parsed` is None without a word when the text doesn't fit the schema."""
    candidates = response.candidates or []
    parts = (candidates[0].content and candidates[0].content.parts) or [] if candidates else []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    reply = Reply(text, **tokens(response.usage_metadata))
    end = finish_reason(candidates[0]) if candidates else ""
    if getattr(response.prompt_feedback, "block_reason", None) or end not in {"", *COMPLETE, *BROKEN}:
        raise ProviderRefused("the model declined to answer", reply=reply)
    if end not in COMPLETE:
        raise ProviderFailed("the provider answered without a whole candidate", reply=reply)
    return reply


def finish_reason(candidate: Any) -> str:
    reason = candidate.finish_reason
    return str(getattr(reason, "value", reason) or "STOP")


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


def listed_model(model: Any) -> ListedModel:
    """Google's list has no date of the end; where it is near, the description says so."""
    words = str(model.description or "")
    return ListedModel(
        name=str(model.name).removeprefix("models/"), warning=words[:200] if END_IN_SIGHT.search(words) else ""
    )


PROVIDER = Declaration(
    name="GEMINI",
    label=_("Google Gemini"),
    client=GeminiClient,
    model="gemini-3.8-flash",
    base_url="https://generativelanguage.googleapis.com",
)
