"""The formats of values: how a value becomes bytes, and back."""
