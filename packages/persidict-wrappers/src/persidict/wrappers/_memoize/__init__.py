"""Memoize functions into any dict."""
