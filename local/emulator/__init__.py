"""The stand-in for AWS's stores: started, watched, and furnished with the template's resources."""
