from django.urls import path

from aiassist.figures_viewsets import FiguresViewSet
from aiassist.handover.viewsets import HandoverViewSet
from aiassist.manual_viewsets import ManualViewSet
from aiassist.similar_viewsets import SimilarFaultViewSet
from aiassist.viewsets import AnalysisViewSet, AnalyzeFaultViewSet, ProviderViewSet
from faultreporter.api.routers import Router

router = Router()
router.register("ai/handovers", HandoverViewSet, basename="handover")
router.register("ai/analyses", AnalysisViewSet, basename="analysis")
router.register("ai/manuals", ManualViewSet, basename="manual")
urlpatterns = [
    path("alerts/<uuid:pk>/similar", SimilarFaultViewSet.as_view({"get": "similar"}), name="alert-similar"),
    path("ai/analyze-fault", AnalyzeFaultViewSet.as_view({"post": "analyze"}), name="analyze-fault"),
    path("ai/providers", ProviderViewSet.as_view({"get": "providers"}), name="ai-providers"),
    path("ai/accuracy", FiguresViewSet.as_view({"get": "accuracy"}), name="ai-accuracy"),
    path("ai/costs", FiguresViewSet.as_view({"get": "costs"}), name="ai-costs"),
    *router.urls,
]
