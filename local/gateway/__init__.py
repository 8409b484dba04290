"""What API Gateway does: requests become events, answers become responses."""
