"""How often Python's garbage collector looks around, the same in every process that meets batches of readings."""

import gc


def collect_less() -> None:
    """What is loaded stays, and a batch of readings is no garbage.

    It makes ten thousand dictionaries at once: with Python's own threshold of 700 the collector walks over them again
    and again (15 % of the processor time of such a request).
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
