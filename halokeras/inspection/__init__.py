"""What a file or folder is, and what it tells of itself."""
