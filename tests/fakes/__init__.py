"""Stand-ins for payment providers, with ledgers of their own. Plain Python: they import nothing of the shop's."""
