"""People: accounts, sign-ins, addresses."""
