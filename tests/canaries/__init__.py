"""The whole suite as a test of one law: what is entrusted to a gateway stays with it.

``make canaries`` runs tests as they are, with a watch in their process and in each process
that they start (C6, C7, P15). ``watch`` notes what gateways were entrusted with and what
they said; ``plugin`` compares the two after each test.
"""
