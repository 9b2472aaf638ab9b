"""The ground: what every app stands on. It knows no shop."""
