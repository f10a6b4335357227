class StackError(Exception):
    """Something the person at the keyboard can act on; its text is the whole message."""
