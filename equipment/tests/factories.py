from typing import Any

import factory
from django.utils import timezone

from equipment.models import Category, Equipment, FailureMode, TechnicalDiagram, UserEquipmentAssignment
from faultreporter.attachments.models import Attachment
from locations.tests.factories import LocationFactory


class CategoryFactory(factory.django.DjangoModelFactory[Category]):
    class Meta:
        model = Category

    code = factory.Sequence(lambda n: f"CAT-{n}")
    name = factory.Sequence(lambda n: f"Category {n}")


class FailureModeFactory(factory.django.DjangoModelFactory[FailureMode]):
    class Meta:
        model = FailureMode

    category = factory.SubFactory(CategoryFactory)
    code = factory.Sequence(lambda n: f"MODE-{n}")
    name = factory.Sequence(lambda n: f"Failure mode {n}")


class EquipmentFactory(factory.django.DjangoModelFactory[Equipment]):
    """An online machine in a room of its own."""

    class Meta:
        model = Equipment

    class Params:
        placeless = factory.Trait(location=None)
        chiller = factory.Trait(
            equipment_name="Chiller 1",
            manufacturer="Carrier",
            category=factory.SubFactory(CategoryFactory, code="CHILLER", name="Chiller"),
        )

    equipment_code = factory.Sequence(lambda n: f"EQ-{n:05}")
    equipment_name = factory.Sequence(lambda n: f"Machine {n}")
    location = factory.SubFactory(LocationFactory, room=True)

    @classmethod
    def _create(cls, model_class: type[Equipment], *args: Any, **kwargs: Any) -> Equipment:
        return model_class.add(by=kwargs.pop("created_by", None), at=kwargs.pop("at", timezone.now()), **kwargs)


class AssignmentFactory(factory.django.DjangoModelFactory[UserEquipmentAssignment]):
    """`user=` is needed: who looks after the machine."""

    class Meta:
        model = UserEquipmentAssignment

    equipment = factory.SubFactory(EquipmentFactory)


class DrawingFactory(factory.django.DjangoModelFactory[Attachment]):
    """The file of a drawing: a row only, no bytes in the storage."""

    class Meta:
        model = Attachment

    kind = Attachment.Kind.IMAGE
    file = factory.Sequence(lambda n: f"attachments/drawing-{n}.png")
    content_type = "image/png"
    bytes = 1000
    width = 800
    height = 600
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    original_name = "drawing.png"


class DiagramFactory(factory.django.DjangoModelFactory[TechnicalDiagram]):
    class Meta:
        model = TechnicalDiagram

    equipment = factory.SubFactory(EquipmentFactory)
    title = "Wiring"
    attachment = factory.SubFactory(DrawingFactory)
