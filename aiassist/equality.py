"""Equal questions: what must be the same for one answer to do for both."""

import hashlib
import json
import re
from typing import Final

from aiassist.prompts import Prompt
from aiassist.providers.base import Provider

AGE: Final = re.compile(r'"age_(seconds|days)":(\d+(?:\.\d+)?(?:e[+-]?\d+)?)')
AN_HOUR: Final = 3600.0


def digest_of(provider: Provider, prompt: Prompt) -> str:
    """SHA-256 over who is asked, with which words, about which facts and photographs.

    Facts grow older while one looks at them: ages count in whole hours and days.
    """
    said = [
        provider.name,
        provider.model_name,
        prompt.version,
        prompt.instructions,
        AGE.sub(rounded, prompt.text),
        prompt.schema_name,
        prompt.schema,
        [hashlib.sha256(image).hexdigest() for image in prompt.images],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def rounded(match: "re.Match[str]") -> str:
    unit = AN_HOUR if match[1] == "seconds" else 1.0
    return f'"age_{match[1]}":{int(float(match[2]) // unit)}'
