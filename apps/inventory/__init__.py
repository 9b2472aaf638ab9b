"""Stock: how many there are and who is promised them."""
