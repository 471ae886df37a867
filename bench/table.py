# SPDX-License-Identifier: Apache-2.0
"""table - figures in rows, each held against its bars."""
import sys


class Table:
    """Rows of (what, ours, peer, ratio, must, reach, mark), and notes."""
    HEAD = ("what", "assay", "peer", "ratio", "must", "reach", "")

    def __init__(self):
        self.rows, self.notes, self.modules = [], [], []

    def add(self, what, ours, peer="", ratio=""):
        """A row without a bar."""
        self.rows.append((what, ours, peer, ratio, "", "", ""))

    def hold(self, what, ours, value, must, reach, unit, peer="", ratio="", more=False):
        """A row whose value is held against must and reach (None: there is no such bar); more: more is better."""
        def holds(bar):
            return bar is not None and (value >= bar if more else value <= bar)

        def text(bar):
            return "" if bar is None else f"{'>=' if more else '<='} {bar:,}{unit}"
        mark = "reached" if holds(reach) else "ok" if must is None or holds(must) else "MISSED"
        if must is None and reach is None:
            mark = ""
        self.rows.append((what, ours, peer, ratio, text(must), text(reach), mark))

    def note(self, text):
        """Once, however often it is said."""
        if text not in self.notes:
            self.notes.append(text)

    def lines(self):
        rows = [self.HEAD, *self.rows]
        widths = [max(len(r[i]) for r in rows) for i in range(len(self.HEAD))]
        return ["  ".join(c.ljust(w) if i in (0, 6) else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip()
                for r in rows]


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)
