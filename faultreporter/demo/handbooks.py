"""A maker's handbook for the chillers, written here: what an answer about one can cite."""

from datetime import datetime
from io import BytesIO
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

from aiassist import manual_reading
from aiassist.models import Manual
from equipment.models import Category
from faultreporter.demo.people import Team
from faultreporter.demo.pictures import store

TITLE: Final = "Water chillers: operation and maintenance"
TEXT: Final = """\
Water chillers: operation and maintenance

This handbook is about water-cooled chillers with screw compressors and R134a, 400 to 900 kW.

Only people who are trained in refrigeration work on the machine. Before any work: stop the compressor, lock the main
switch off, wait ten minutes, and check that the oil heater is dead.
----
1 Vibration and noise of the compressor

A sound compressor stays below 2.8 mm/s at the bearing housing. Between 2.8 and 4.5 mm/s look for the cause within a
week; above 7.1 mm/s stop the machine.

High vibration that rises over weeks and a grinding or humming noise point to worn bearings. Take a sample of the oil:
metal in it confirms bearing wear. Replace both bearings of the rotor together and renew the oil.

Vibration that came overnight points to loose foundation bolts (tighten to 210 Nm), a misaligned coupling, or liquid
refrigerant in the suction line.
----
2 Low cooling capacity

If the leaving water is too warm and suction pressure is low, the machine is short of refrigerant: look for the leak
with a detector at flanges, shaft seal and relief valve before adding any.

If discharge pressure is high as well, the condenser is fouled. Clean its tubes when the approach temperature is more
than 3 K above that of the commissioning record.
----
3 Oil

The machine stops when oil pressure is less than 1.5 bar above suction pressure for 30 seconds. Low oil pressure:
check the oil level in the sight glass, then the filter. Change the filter when its pressure drop is more than 0.7
bar.

Change the oil every 20,000 hours, or when its acid number is above 0.1 mg KOH/g.
----
4 Refrigerant leak alarm

Leave the plant room at once and ventilate it: R134a is heavier than air and takes its place. Enter only with a second
person outside. Repair the leak, evacuate to 2 mbar, hold it for four hours, and charge by weight.

Record the amount that was added. Above 5 tonnes of CO2 equivalent the law wants a leak test within a month.
"""
"""Pages between lines of hyphens; each begins with its heading, a blank line ends a paragraph."""


def shelve(team: Team, *, at: datetime) -> Manual:
    """Put the handbook on the shelf, read."""
    category = Category.objects.get(code="CHILLER")
    paper = store(pdf(), name="chiller-handbook.pdf", by=team.managers[0], at=at)
    manual = Manual.add(by=team.managers[0], category=category, title=TITLE, attachment=paper, created_at=at)
    manual_reading.read(manual.pk)
    return manual


def pdf() -> bytes:
    styles, flow = getSampleStyleSheet(), []
    for heading, *paragraphs in (page.strip().split("\n\n") for page in TEXT.split("----")):
        flow += [Paragraph(heading, styles["Heading1"]), *(Paragraph(text, styles["BodyText"]) for text in paragraphs)]
        flow.append(PageBreak())
    target = BytesIO()
    SimpleDocTemplate(target, pagesize=A4, title=TITLE, invariant=1).build(flow)
    return target.getvalue()
