"""Where readings are kept: the table and its monthly partitions, how rows get in and how they are read again."""
