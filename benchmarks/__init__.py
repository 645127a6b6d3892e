"""Figures that Peerage promises: each program here measures ours beside a peer in one run and prints ratios."""
