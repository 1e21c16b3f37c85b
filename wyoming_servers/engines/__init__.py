"""Libraries that run models; imported inside a worker process only."""
