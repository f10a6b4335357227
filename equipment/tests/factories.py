from typing import Any

from django.utils import timezone
from factory.declarations import Sequence, SubFactory, Trait
from factory.django import DjangoModelFactory

from equipment.models import Category, Equipment, FailureMode, TechnicalDiagram, UserEquipmentAssignment
from faultreporter.attachments.models import Attachment
from locations.tests.factories import LocationFactory


class CategoryFactory(DjangoModelFactory[Any]):
    class Meta:
        model = Category
        django_get_or_create = ("code",)

    code = Sequence(lambda n: f"CAT-{n}")
    name = Sequence(lambda n: f"Category {n}")


class FailureModeFactory(DjangoModelFactory[Any]):
    class Meta:
        model = FailureMode

    category = SubFactory(CategoryFactory)
    code = Sequence(lambda n: f"MODE-{n}")
    name = Sequence(lambda n: f"Failure mode {n}")


class EquipmentFactory(DjangoModelFactory[Any]):
    """An online machine in a room of its own."""

    class Meta:
        model = Equipment

    class Params:
        placeless = Trait(location=None)
        chiller = Trait(
            equipment_name="Chiller 1",
            manufacturer="Carrier",
            category=SubFactory(CategoryFactory, code="CHILLER", name="Chiller"),
        )

    equipment_code = Sequence(lambda n: f"EQ-{n:05}")
    equipment_name = Sequence(lambda n: f"Machine {n}")
    location = SubFactory(LocationFactory, room=True)

    @classmethod
    def _create(cls, model_class: type[Equipment], *args: Any, **kwargs: Any) -> Equipment:
        return model_class.add(by=kwargs.pop("created_by", None), at=kwargs.pop("at", timezone.now()), **kwargs)


class AssignmentFactory(DjangoModelFactory[Any]):
    """`user=` is needed: who looks after the machine."""

    class Meta:
        model = UserEquipmentAssignment

    equipment = SubFactory(EquipmentFactory)


class DrawingFactory(DjangoModelFactory[Any]):
    """The file of a drawing: a row only, no bytes in the storage."""

    class Meta:
        model = Attachment

    kind = Attachment.Kind.IMAGE
    file = Sequence(lambda n: f"attachments/drawing-{n}.png")
    content_type = "image/png"
    bytes = 1000
    width = 800
    height = 600
    sha256 = Sequence(lambda n: f"{n:064x}")
    original_name = "drawing.png"


class DiagramFactory(DjangoModelFactory[Any]):
    class Meta:
        model = TechnicalDiagram

    equipment = SubFactory(EquipmentFactory)
    title = "Wiring"
    attachment = SubFactory(DrawingFactory)
