"""The streaming Lambda runtime loop: the process that Lambda starts instead of its stock client."""
