"""Answers as a provider writes them."""

import json
from typing import Any


def issue(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Bearing worn",
        "component": "Fan bearing",
        "failure_mode": "BEARING",
        "mechanism": "Wear",
        "severity": "HIGH",
        "confidence": 0.72,
        "evidence": [{"kind": "PHOTO", "text": "Grease on the housing", "reference": None}],
        "image_index": 0,
        "region": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4},
    } | changes


def answer(**changes: Any) -> dict[str, Any]:
    return {
        "condition": "The fan runs, but its bearing is worn.",
        "components": ["Fan"],
        "issues": [issue()],
        "recommendations": [{"action": "Replace the bearing.", "priority": "HIGH", "requires_isolation": True}],
        "safety_warnings": [],
        "not_assessable_reason": None,
        "image_quality": "GOOD",
        "text_in_image": None,
    } | changes


def text(**changes: Any) -> str:
    return json.dumps(answer(**changes))
