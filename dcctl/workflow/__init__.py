"""The use cases, one function each: decide by pure functions, write, commit once. The only place that commits."""
