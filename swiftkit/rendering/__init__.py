"""Chat templates: the text that a server sends, and the part of it that is trained."""
