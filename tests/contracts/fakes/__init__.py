"""The fakes are worth believing: the official SDK and the recorded signatures agree with them.

Nothing of the shop takes part here, so that a fault the gateways' tests find is a fault of the gateways.
"""
