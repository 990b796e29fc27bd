"""The value formats: how a value becomes bytes, and bytes a value.

A value that a built-in codec accepts comes back equal and of the same type; the codec raises for
every other value. Third-party packages are imported only when a value needs them.
"""
