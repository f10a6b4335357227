"""Words that talk to a model instead of describing a machine. Pure.

A heuristic, and only that: what holds an order back is that facts are data and that a person accepts what an answer
says. Whoever paints one on a wall is noticed here, in five languages, and the answer is marked for review.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

LOOKALIKES: Final = str.maketrans("авеіјкмнорстухѕαβεηικμνορτυχ", "abeijkmhopctyxsabenikmvoptux")
SPACED_OUT: Final = re.compile(r"\b(?:\w[ .\-]){4,}\w\b")
DENIED: Final = re.compile(
    r"(?:\bnot|n't|\bnever|\bnicht|\bniemals|\bnie|\bne|\bn'|\bjamais|\bno|\bnunca|\bnon|\bmai)\s*$"
)
"""`Never ignore the safety instructions` is what every manual says."""

FORGET: Final = {
    "en": (
        r"ignor(?:e|ing)|disregard|forget|override|bypass|do not follow",
        r"instruction|prompt|rule|guideline|above|previous|prior",
    ),
    "de": (
        r"ignorier\w*|missachte\w*|vergiss|vergesst|vergessen sie|uberge\w*",
        r"anweisung|anleitung|instruktion|vorgabe|regel|prompt|obige|vorherige|bisherige",
    ),
    "fr": (
        r"ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) (?:pas|aucun) compte",
        r"instruction|consigne|regle|ci-dessus|precedent",
    ),
    "es": (
        r"ignor[ae](?:d|n|r)?|olvid[ae](?:d|n|r)?|haz caso omiso|no hagas caso",
        r"instruccion|indicacion|regla|anterior|arriba",
    ),
    "it": (
        r"ignor(?:a|i|ate|are)|dimentic(?:a|hi|ate|are)|trascur(?:a|i|ate|are)",
        r"istruzion|indicazion|regol|precedent|sopra",
    ),
}
"""Per language: verbs of letting go, and what a model would have to let go of."""

ROLES: Final = (
    r"you are now|from now on you|act as (?:an?|the)|system prompt|developer mode|as an ai\b|new instructions?:",
    r"du bist (?:jetzt|nun|ab sofort)|sie sind (?:jetzt|nun|ab sofort) (?:ein|der|die)|system-?prompt|als ki\b",
    r"tu es (?:desormais|maintenant)|vous etes (?:desormais|maintenant) (?:un|le|la)|en tant qu'ia|invite systeme",
    r"ahora eres|a partir de ahora eres|como una? ia\b|mensaje del sistema|prompt del sistema",
    r"(?:ora|adesso|da ora in poi) sei|in quanto ia\b|come una? ia\b|prompt di sistema",
)
SETTINGS: Final = {
    "en": (
        r"set|mark|report|rate|classify",
        r"severity|confidence|(?:status|priority|fault|issue|machine|equipment)s? (?:to|as)",
    ),
    "de": (r"setze?n?|markiere?n?|melde?n?|stufe?n?", r"schweregrad|status|konfidenz|prioritat"),
    "fr": (
        r"met(?:s|tez)|reglez?|definis(?:sez)?|marque[sz]?|indique[sz]?",
        r"gravite|severite|statut|priorite|confiance",
    ),
    "es": (r"pon(?:ga)?|establece|establezca|mar(?:ca|que)|fij[ae]", r"gravedad|severidad|estado|prioridad|confianza"),
    "it": (r"imposta(?:te)?|segna(?:te)?|mett(?:i|ete)|fissa(?:te)?", r"gravita|severita|stato|priorita|confidenza"),
}
"""Per language: verbs of deciding, and what only our code and people decide."""

MARKUP: Final = r"<\|im (?:start|end)\||<\|endoftext|\[/?inst\]|<</?sys>>|</?(?:facts|system|instructions?)>"
ORDERS: Final = re.compile(
    "|".join(
        [
            *(rf"\b(?:{verbs})\b.{{0,40}}\b(?:{things})" for verbs, things in FORGET.values()),
            *(rf"\b(?:{verbs})(?: \w{{2,4}})? (?:{things})" for verbs, things in SETTINGS.values()),
            *(rf"\b(?:{words})" for words in ROLES),
            MARKUP,
        ]
    ),
    re.DOTALL,
)


def carries_orders(texts: Iterable[str]) -> bool:
    """Whether somebody is talking to the model instead of describing a machine."""
    return any(is_order(text) for text in texts)


def code_carries_orders(text: str) -> bool:
    """Of a QR code. The address of a machine or a serial number is none; an address may carry an order, encoded."""
    return is_order(text) or is_order(unquote_plus(text))


def is_order(text: str) -> bool:
    said = plain_words(text)
    return any(not DENIED.search(said[max(0, found.start() - 12) : found.start()]) for found in ORDERS.finditer(said))


def plain_words(text: str) -> str:
    """Small letters without accents, invisible characters and lookalikes; s p a c e d words closed up."""
    split = unicodedata.normalize("NFKD", text.casefold().translate(LOOKALIKES))
    seen = "".join(c for c in split if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    closed = SPACED_OUT.sub(lambda found: re.sub(r"[ .\-]", "", found[0]), seen)
    return re.sub(r"[\s_]+", " ", closed).replace("’", "'")
