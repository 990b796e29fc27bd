"""Open a store by its description or URL, and describe one."""
