"""What people write about faults, made up: in the benchmark fleet too, words and findings have to do with each other.

Synthetic. A few sentences for each failure mode, by us; some use the catalogue's keywords and some don't. Around them
what a report is padded with, slips of the fingers, reports that say nothing, and words that mislead. A figure measured
on these says that learning from words works, and little of how well it does with the words of real people.
"""

import random
from dataclasses import dataclass
from typing import Final

SEED: Final = 20_261
VAGUE_SHARE: Final = 0.12
MISLEADING_SHARE: Final = 0.10
NOTHING_FOUND_SHARE: Final = 0.04
UNCODED_SHARE: Final = 0.03
SLIP_SHARE: Final = 0.12
PADDED_SHARE: Final = 0.5
GENERAL_WEIGHT: Final = 0.25

# fmt: off
SENTENCES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "": {
        "GEN-NO-POWER": ("Display dark, nothing happens", "No power at the panel", "Dead since the storm last night",
                         "Breaker tripped twice", "Not a single light on it"),
        "GEN-CONTROL": ("Offline in the building system", "Controller hangs", "No communication for an hour",
                        "Values on the screen stand still", "Does not take commands from the control room"),
        "GEN-SENSOR": ("Shows 80 degrees, can't be", "Reading wrong, jumps up and down", "Probe shows nonsense",
                       "Value drifts away from the hand meter", "Temperature shown is implausible"),
        "GEN-NOISE": ("Rattling louder every day", "Makes a strange noise", "Shaking so that the floor trembles",
                      "Something loose inside, knocks", "Neighbours complain about the racket"),
        "GEN-LEAK": ("Puddle underneath", "Leaking somewhere", "Wet floor in front of it", "Drips from below",
                     "Bucket below is full again"),
        "GEN-DAMAGE": ("Somebody drove into it", "Cover bent after the delivery", "Broken cover, looks like vandalism",
                       "Got wet when the roof leaked", "Forklift hit the housing"),
    },
    "CHILLER": {
        "CHILLER-LOW-CAPACITY": ("Chilled water too warm", "Not cooling enough since noon", "Supply at 11 instead of 6",
                                 "Offices get warm though it runs flat out", "Low capacity, runs all day"),
        "CHILLER-REFRIGERANT-LEAK": ("Refrigerant leak alarm", "Hissing at the suction line", "Oily spot at a joint",
                                     "Gas warning went off in the plant room", "Sight glass full of bubbles"),
        "CHILLER-COMPRESSOR-VIBRATION": ("High vibration at the compressor", "Compressor growls when loaded",
                                         "Grinding from the machine end", "Humming and trembling pipes",
                                         "Vibration monitor in the yellow"),
        "CHILLER-HIGH-PRESSURE": ("Trips on high pressure", "HP trip again", "Condenser pressure climbs until it stops",
                                  "Stops every hot afternoon", "Cut out, head pressure over 17 bar"),
        "CHILLER-LOW-PRESSURE": ("LP trip", "Freeze protection stopped it", "Suction pressure falls right after start",
                                 "Low pressure fault cannot be reset", "Evaporator side goes below limit"),
        "CHILLER-OIL": ("Oil pressure low", "Oil level below the glass", "Oil warning lamp",
                        "Lubrication alarm on start", "Needs topping up every week"),
    },
    "AHU": {
        "AHU-FILTER": ("Filter pressure drop too high", "Filters black with dust", "Little air, filters overdue",
                       "Pressure switch of the filters is on", "Clogged, air hardly comes through"),
        "AHU-BELT": ("Belt squealing", "Smells of rubber", "Screeching on every start", "Fan motor turns, no airflow",
                     "Black crumbs below the drive"),
        "AHU-BEARING": ("Grinding from the fan", "Rumbling fan section", "Bearing hot to the touch",
                        "Vibration at the fan, getting worse", "Howls at full speed"),
        "AHU-DAMPER": ("Damper stuck half open", "Outside air flap does not move", "Actuator clicks but nothing turns",
                       "Stays at 20 % whatever is asked", "Linkage came off"),
        "AHU-COIL": ("Coil frozen", "Water in the unit", "Frost alarm, heating coil burst", "Ice on the fins",
                     "Trickle from the coil section"),
        "AHU-SUPPLY-TEMP": ("Supply air too cold", "Blows warm air in summer", "Draught and temperature wrong",
                            "Setpoint 21, delivers 15", "Too warm on the whole floor"),
    },
    "PUMP": {
        "PUMP-SEAL-LEAK": ("Mechanical seal leaking", "Water under the pump", "Dripping at the shaft",
                           "Spray from behind the coupling", "Lime crust at the seal"),
        "PUMP-BEARING": ("Bearing noise", "Grinding and hot at the motor side", "Howling at night",
                         "Grease thrown out, runs hot", "Vibration on the bearing housing"),
        "PUMP-OVERLOAD": ("Trips on overload", "Motor protection out again", "Draws too much current",
                          "Thermal relay will not stay in", "Stopped, hums before it trips"),
        "PUMP-CAVITATION": ("Sounds like gravel", "Crackling at the inlet", "Cavitation noise at full speed",
                            "Pressure gauge dances, low suction", "As if stones went through"),
        "PUMP-NO-FLOW": ("Runs but no flow", "Radiators cold though the pump turns", "Air in the pump",
                         "Runs dry", "Differential pressure is zero"),
    },
    "BOILER": {
        "BOILER-LOCKOUT": ("Burner lockout", "Does not ignite", "Fault lamp on the burner", "No flame after 3 tries",
                           "Clicks, but stays cold"),
        "BOILER-FLUE-TEMP": ("Flue gas temperature too high", "Soot around the flue", "Chimney sweep complained",
                             "Exhaust above 220 degrees", "Uses more fuel than last year"),
        "BOILER-WATER-LEAK": ("Water leak at the flange", "Drips from the boiler body", "Rust streaks below a gasket",
                              "Leaking at the front plate", "Floor wet around the boiler"),
        "BOILER-LOW-WATER": ("Low water cut-out", "Pressure at 0.6 bar", "Needs a refill every day",
                             "Expansion vessel seems flat", "Low pressure, gurgles"),
        "BOILER-GAS-SMELL": ("Smell of gas", "Gas smell near the valve train", "Detector shows traces of methane",
                             "Odour in the boiler room", "Somebody smelled gas at the door"),
    },
    "GENERATOR": {
        "GENSET-NO-START": ("Failed to start in the test", "Cranks but no start", "Does not start by remote",
                            "Starter turns, engine will not fire", "Test run aborted after three tries"),
        "GENSET-BATTERY": ("Starter battery weak", "Battery voltage low", "Charger lamp red", "Cranks slowly",
                           "Terminals white with corrosion"),
        "GENSET-OVERHEAT": ("Coolant too hot", "Overheats under load", "Radiator blocked with leaves",
                            "Shut down on temperature after ten minutes", "Steam from the filler cap"),
        "GENSET-FUEL-LEAK": ("Smell of diesel", "Fuel below the day tank", "Oil leak at the filter",
                             "Rainbow film in the drip tray", "Hose wet with diesel"),
        "GENSET-TRANSFER": ("Did not take the load", "Transfer switch hangs", "Stays on after mains return",
                            "Changeover failed in the test", "Runs fine but the building stayed dark"),
    },
    "ELEVATOR": {
        "LIFT-DOOR": ("Door does not close", "Door reopens again and again", "Light curtain blinks",
                      "Closes halfway and goes back", "Have to push the door by hand"),
        "LIFT-STOPS": ("Stuck between floors", "Stops suddenly with a jerk", "Two people trapped, freed by now",
                       "Stands between 2 and 3", "Emergency stop without a reason"),
        "LIFT-LEVELLING": ("Step of 3 cm at the ground floor", "Does not stop level", "Levelling uneven",
                           "Wheelchair got caught on the sill", "Stops too low on every floor"),
        "LIFT-ROPE": ("Scraping in the shaft", "Jerks on the way up", "Rope noise", "Vibration in the cabin",
                      "Whining from the machine room"),
        "LIFT-BUTTONS": ("Button 4 does not respond", "Display blank", "Call is not taken",
                         "Indicator shows the wrong floor", "Must press five times"),
        "LIFT-EMERGENCY-CALL": ("Emergency call fails", "Intercom silent", "Alarm button without answer",
                                "Call centre reports no test signal", "Only crackling on the phone line"),
    },
    "FAN-COIL": {
        "FCU-CONDENSATE": ("Drips onto the ceiling", "Stain above my desk", "Water runs down the wall",
                           "Ceiling tile soaked", "Condensate tray overflows"),
        "FCU-RATTLE": ("Rattles", "Buzzing, can't work", "Loud since the holidays", "Ticks at low speed",
                       "Noise like a stick in spokes"),
        "FCU-NO-COOLING": ("Does not cool", "Room 27 degrees", "Warm air only", "Too warm in the meeting room",
                           "Sweating here, set to 20"),
        "FCU-NO-HEATING": ("Does not heat", "Cold room", "Blows cold in winter", "17 degrees in the morning",
                           "We sit in coats"),
        "FCU-THERMOSTAT": ("Thermostat dead", "Buttons without effect", "Display of the room controller empty",
                           "Setpoint can't be changed", "Dial came off"),
    },
    "TRANSFORMER": {
        "TRAFO-TEMPERATURE": ("Winding temperature alarm", "Hot, fans on all night", "Temperature at 115",
                              "Thermometer past the first mark", "Vents covered, heat builds up"),
        "TRAFO-HUM": ("Humming louder than usual", "Buzzing heard in the corridor", "Drone at night",
                      "Noise changes with the load", "Sings since the new rectifier"),
        "TRAFO-OIL": ("Oil level low", "Oil drops below the tank", "Buchholz gas collected", "Greasy cooler",
                      "Gauge of the conservator at minimum"),
        "TRAFO-PROTECTION": ("Protection tripped", "Differential relay out", "Medium voltage switch opened by itself",
                             "Building without supply, transformer off", "Buchholz trip"),
    },
}
# fmt: on
VAGUE: Final = (
    "Does not work",
    "Broken again",
    "Please have a look",
    "Something is wrong",
    "Out of order",
    "Alarm on the panel",
    "Fault",
    "Not right",
    "Same as last time",
    "Urgent!!",
    "Called by security, no details",
    "Acting up",
)  # fmt: skip
OPENERS: Final = ("Since this morning: ", "Tenant reports: ", "On the round: ", "Again: ", "Hello, ", "Night shift: ")
MORE: Final = (
    "Please come soon.", "Seen on the third floor round.", "Caretaker informed.", "It was fine yesterday.",
    "Called twice already.", "Access through the yard.", "Not urgent for me.", "There is a meeting at ten.",
    "Key is at the desk.", "I don't know more.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """How a fault was reported and closed. `found` is a failure mode's code; empty: not coded, or nothing was found."""

    title: str
    description: str
    found: str
    nothing_found: bool


def reports(category: str, count: int) -> list[Report]:
    """The same for the same arguments; by what was found, so that neighbours are alike."""
    rng = random.Random(f"{SEED} {category}")
    own, general = list(SENTENCES[category]), list(SENTENCES[""])
    rng.shuffle(own)
    weights = [1 / (place + 1) for place in range(len(own))]
    weights += [GENERAL_WEIGHT / (place + 1) for place in range(len(general))]
    said = SENTENCES[""] | SENTENCES[category]
    made = [report(mode, said, rng) for mode in rng.choices([*own, *general], weights, k=count)]
    return sorted(made, key=lambda one: one.found)


def report(mode: str, said: dict[str, tuple[str, ...]], rng: random.Random) -> Report:
    chance = rng.random()
    if chance < VAGUE_SHARE:
        title = rng.choice(VAGUE)
    else:
        title = rng.choice(said[rng.choice(sorted(said)) if chance < VAGUE_SHARE + MISLEADING_SHARE else mode])
    if rng.random() < PADDED_SHARE:
        title = f"{rng.choice(OPENERS)}{title[0].lower()}{title[1:]}"
    if rng.random() < SLIP_SHARE:
        title = slip(title, rng)
    chance = rng.random()
    nothing_found = chance < NOTHING_FOUND_SHARE
    found = "" if chance < NOTHING_FOUND_SHARE + UNCODED_SHARE else mode
    return Report(title, rng.choice(MORE) if rng.random() < PADDED_SHARE else "", found, nothing_found)


def slip(text: str, rng: random.Random) -> str:
    """Two letters changed places, or one is missing."""
    at = rng.randrange(1, max(2, len(text) - 2))
    return text[:at] + (text[at + 1] + text[at] + text[at + 2 :] if rng.random() < 0.5 else text[at + 1 :])
