"""The command line: parse, one call, one sentence. click lives here only; everything heavy is imported by the command that needs it."""
