"""What a running server tells about itself: logs and metrics."""
