"""What `template.yaml` says, as values the local stack can act on."""
