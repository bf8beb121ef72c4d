"""The parts of keeping a stack well: checks, causes, incidents, repairs, and what people say about it."""
