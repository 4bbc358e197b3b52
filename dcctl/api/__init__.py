"""dcctl's HTTP service: identity from Keystone, one file of routes a noun, no decisions."""
