"""What readings come to per bucket: the roll-ups that are kept, and the answers read from them."""
