"""What a person sees while the search runs."""
