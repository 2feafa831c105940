"""Features that stay where they are stored, read once a pass."""
