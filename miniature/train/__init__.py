"""The miniature's training room: everything in ``data/mini`` is made here, from nothing, on two cores."""
