"""What happens, to screens that stay open: from a worker through Redis to the stream process and its listeners."""
