"""Empty, as in the pandas package."""
