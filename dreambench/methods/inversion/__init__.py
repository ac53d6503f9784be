"""What Textual Inversion needs beside the shared training: its captions and its new words."""
