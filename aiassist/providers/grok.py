"""GROK: xAI speaks OpenAI's Responses API at another address."""

from django.utils.translation import gettext_lazy as _

from aiassist.providers.client import Declaration
from aiassist.providers.openai import OpenAiClient

PROVIDER = Declaration(
    name="GROK", label=_("xAI Grok"), client=OpenAiClient, model="grok-4.6", base_url="https://api.x.ai/v1"
)
