"""What a log call costs, as a ratio to the cheapest handler there could be."""
