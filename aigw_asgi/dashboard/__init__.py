"""The dashboard's side of the gateway: its API, its live channel, its files.

Nothing here is imported before somebody asks for it. Requests of clients do not pass here.
"""
