"""The skills that a new installation starts with, and the kinds of machines that ask for each."""

from typing import NamedTuple


class Craft(NamedTuple):
    """A skill, and a comma list of the kinds of machines that ask for it."""

    code: str
    name: str
    description: str
    kinds: str


CRAFTS = (
    Craft("REFRIGERATION", "Refrigeration", "Works on refrigerant circuits; the certificate runs out.",
          "CHILLER"),
    Craft("HVAC", "Heating, ventilation and air conditioning", "Air handling, cooling towers, fan coil units.",
          "CHILLER, AHU, COOLING-TOWER, FAN-COIL"),
    Craft("HEATING", "Gas and oil burners", "Sets and repairs burners; the certificate runs out.", "BOILER"),
    Craft("PLUMBING", "Plumbing and pumps", "Pumps, valves, pipes and seals.", "PUMP, FIRE-PUMP"),
    Craft("ELECTRICAL", "Electrical, low voltage", "Works on installations up to 1,000 V.",
          "GENERATOR, UPS, LIGHTING-PANEL"),
    Craft("HIGH-VOLTAGE", "Electrical, high voltage", "May switch and work above 1,000 V.",
          "TRANSFORMER, SWITCHGEAR"),
    Craft("LIFTS", "Lifts and escalators", "Qualified person for lifts; the certificate runs out.",
          "ELEVATOR, ESCALATOR"),
    Craft("FIRE-SAFETY", "Fire safety", "Tests and repairs fire pumps and alarms.", "FIRE-PUMP, FIRE-ALARM"),
    Craft("COMPRESSED-AIR", "Compressed air", "Compressors, dryers and pressure vessels.", "AIR-COMPRESSOR"),
    Craft("CONTROLS", "Controls and building automation", "Controllers, buses, sensors and their programs.", ""),
)  # fmt: skip
