"""What a fresh machine needs before `make demo` and `make test`, installed with nothing but the standard library."""
