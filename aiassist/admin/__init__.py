from aiassist.admin.analyses import AnalysisColumns
from aiassist.admin.prices import ModelPriceAdmin

__all__ = ["AnalysisColumns", "ModelPriceAdmin"]
