"""What is painted on, and whether a painter fits it.

`density` opens that of a box, or a user's own grid, checked and left on disk; `check` compares it
with what a painter was trained on, and `choice` names the painter that ships for what is asked.
"""
