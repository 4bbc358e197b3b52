"""What an environment is made of: the wish (specs), what will be made of it (plan), and the programs that make it.

`specs`, `naming` and `plan` are pure and need nothing outside the standard library; `tenant` and `workload` are the inline
programs of the Pulumi engine and the only modules here that import pulumi.
"""
