from aiassist.models.analyses import Analysis, AnalysisImage
from aiassist.models.attempts import AnalysisAttempt
from aiassist.models.claims import LEASE, MAX_CLAIMS
from aiassist.models.fleet import FleetCounts
from aiassist.models.manuals import Manual, ManualPage, ManualWord
from aiassist.models.model_checks import ModelCheck
from aiassist.models.prices import ModelPrice
from aiassist.models.reviews import AnalysisReview

__all__ = [
    "LEASE",
    "MAX_CLAIMS",
    "Analysis",
    "AnalysisAttempt",
    "AnalysisImage",
    "AnalysisReview",
    "FleetCounts",
    "Manual",
    "ManualPage",
    "ManualWord",
    "ModelCheck",
    "ModelPrice",
]
