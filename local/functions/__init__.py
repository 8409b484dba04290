"""What Lambda does: calls wait, workers take them through the Runtime API, answers flow back."""
