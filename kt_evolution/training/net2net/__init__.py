"""What a model can take of the weights of another one."""
