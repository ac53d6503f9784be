"""One painter a class noun; every module of this package registers its own."""
