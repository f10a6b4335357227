"""The made-up words of the benchmark fleet: always the same, and with something to learn in them."""

from collections import Counter

from equipment.catalogue import GENERAL, MODES
from faultreporter.demo.large import CATEGORIES
from faultreporter.demo.reports import SENTENCES, reports


def test_every_mode_of_the_fleet_has_its_sentences() -> None:
    assert set(SENTENCES[""]) == {mode.code for mode in GENERAL}
    for category in CATEGORIES:
        assert set(SENTENCES[category]) == {mode.code for mode in MODES[category]}


def test_the_same_every_time() -> None:
    assert reports("AHU", 300) == reports("AHU", 300) != reports("PUMP", 300)


def test_they_are_as_bad_as_they_say() -> None:
    made = reports("AHU", 2000)
    found = Counter(one.found for one in made)

    # some are closed without a code, some modes are far more frequent, and belts are spoken of when it was the belt
    assert 0.04 < found[""] / 2000 < 0.10
    assert 0.02 < sum(one.nothing_found for one in made) / 2000 < 0.06
    assert found.most_common(1)[0][1] > 5 * min(found.values())
    belts = [one.found for one in made if "belt squealing" in one.title.lower()]
    assert 0.8 < belts.count("AHU-BELT") / len(belts) < 1
