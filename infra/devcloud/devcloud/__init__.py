"""A whole OpenStack control plane on one machine, for trials and tests."""
