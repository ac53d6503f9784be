"""What people say about images: public ratings, votes of a user study, and how well metrics follow them."""
