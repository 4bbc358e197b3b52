"""The routes, one file a noun: parse, ask the policy, one call."""
