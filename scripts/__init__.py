"""What the Makefile runs around `sam`: finding the interpreter, building, transforming, `sam local`."""
