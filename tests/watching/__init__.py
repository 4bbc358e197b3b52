"""A second client that looks at the tests' site for the whole run: never more than the ledger allocated, nobody in before the limits."""
