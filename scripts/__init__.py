"""What the Makefile runs around `sam`: build, transform, `sam local`."""
