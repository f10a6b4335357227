from aiassist.admin.analyses import AnalysisColumns
from aiassist.admin.manuals import ManualAdmin
from aiassist.admin.prices import ModelPriceAdmin
from aiassist.admin.queue import waiting
from aiassist.admin.similar import SimilarInline

__all__ = ["AnalysisColumns", "ManualAdmin", "ModelPriceAdmin", "SimilarInline", "waiting"]
