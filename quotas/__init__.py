"""The ledger: who holds how much of the datacenter, who gave it, and why."""
