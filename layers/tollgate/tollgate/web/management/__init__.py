"""What the admin and the portal API share: routes, validation, problems, cursors, versions."""
