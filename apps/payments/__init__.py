"""Money: attempts, ledger, refunds, gateways."""
