"""Mail that follows events."""
