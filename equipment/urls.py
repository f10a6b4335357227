from typing import Any

from django.urls import path

from equipment import viewsets
from faultreporter.api.routers import Router

LIST: dict[str, Any] = {"get": "list"}

router = Router()
router.register("equipment", viewsets.EquipmentViewSet, basename="equipment")
router.register("equipment-categories", viewsets.CategoryViewSet, basename="category")
router.register("failure-modes", viewsets.FailureModeViewSet, basename="failure-mode")
router.register("teams", viewsets.TeamViewSet, basename="team")
router.register("skills", viewsets.SkillViewSet, basename="skill")
router.register("person-skills", viewsets.PersonSkillViewSet, basename="person-skill")
router.register("failure-mechanisms", viewsets.FailureMechanismViewSet, basename="failure-mechanism")
router.register("failure-causes", viewsets.FailureCauseViewSet, basename="failure-cause")
router.register("remedies", viewsets.RemedyViewSet, basename="remedy")
router.register("assignments", viewsets.AssignmentViewSet, basename="assignment")
router.register("technical-diagrams", viewsets.DiagramViewSet, basename="diagram")

machine = "equipment/<uuid:equipment_id>"
urlpatterns = [
    path(
        f"{machine}/failure-catalogue",
        viewsets.FailureCatalogueViewSet.as_view({"get": "show"}),
        name="equipment-failure-catalogue",
    ),
    path(f"{machine}/status-log", viewsets.StatusLogViewSet.as_view(LIST), name="equipment-status-log"),
    path(f"{machine}/moves", viewsets.MoveViewSet.as_view(LIST), name="equipment-moves"),
    path(f"{machine}/assignments", viewsets.EquipmentAssignmentViewSet.as_view(LIST), name="equipment-assignments"),
    path(f"{machine}/diagrams", viewsets.EquipmentDiagramViewSet.as_view(LIST), name="equipment-diagrams"),
    path(
        "locations/<uuid:location_id>/equipment",
        viewsets.EquipmentInLocationViewSet.as_view(LIST),
        name="location-equipment",
    ),
    path("me/assignments", viewsets.MyAssignmentViewSet.as_view(LIST), name="my-assignments"),
    *router.urls,
]
