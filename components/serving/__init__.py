"""What runs in production: numpy and the compiled program, nothing of the training."""
