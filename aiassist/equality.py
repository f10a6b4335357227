"""Equal questions: what must be the same for one answer to do for both."""

import hashlib
import json

from aiassist.prompts import Prompt
from aiassist.providers.base import Provider


def digest_of(provider: Provider, prompt: Prompt) -> str:
    """SHA-256 over who is asked, with which words, about which facts and photographs.

    The facts are words by now, in which ages are coarse: what only grew older is equal.
    """
    said = [
        provider.name,
        provider.model_name,
        prompt.version,
        prompt.instructions,
        prompt.text,
        prompt.schema_name,
        prompt.schema,
        [hashlib.sha256(image).hexdigest() for image in prompt.images],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
