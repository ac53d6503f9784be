"""Methods: photos of a subject in, a personalized pipeline out."""
