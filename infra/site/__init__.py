"""A whole site of dcctl on this machine, on the trial cloud: what `make demo` leaves running and what the acceptance tests meet."""
