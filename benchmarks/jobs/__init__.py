"""Long recordings and texts as jobs, and their effect on live requests."""
