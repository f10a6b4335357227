from alerts.tests.parallel import at_once

__all__ = ["at_once"]
