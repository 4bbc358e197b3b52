"""What each service process runs."""
