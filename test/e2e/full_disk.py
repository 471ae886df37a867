# SPDX-License-Identifier: Apache-2.0
"""full_disk - the disk takes no more: uploads are refused, the network stops and says why; with room it goes on.

Files may not grow beyond a limit that the kernel keeps (RLIMIT_FSIZE, its signal ignored): a write fails as on a full
disk, without one.
"""

import os
import random
import resource
import signal
import threading

from world import check, main, same, until, write

LIMIT = 2 << 20


def small_files():
    """In the child, before it becomes the devnet."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


class Sender(threading.Thread):
    """Sends until it is not acknowledged."""

    def __init__(self, net, account):
        super().__init__(daemon=True)
        self.net, self.account, self.sent, self.end = net, account, [], None

    def run(self):
        while self.end is None:
            done = self.net.assay(
                "send", self.account["address"], "1", "--json", env={"ASSAY_KEY": self.account["key_file"]}
            )
            if done.code == 0:
                self.sent.append((done.json["id"], done.json["height"]))
            else:
                self.end = done


def full_disk(world):
    net = world.network("-n", "4", data=world.path("net"), preexec_fn=small_files)
    total, accounts = net.total(), net.accounts()
    fits = write(world.path("fits", "w.bin"), random.Random(20).randbytes(LIMIT // 2))
    done = net.publish(os.path.dirname(fits), "acme/fits", "1", "--wait")
    check("what fits is published", done.code == 0, done)
    large = write(world.path("large", "w.bin"), random.Random(21).randbytes(2 * LIMIT))
    done = net.publish(os.path.dirname(large), "acme/large", "1", timeout=60)
    check("what does not fit is refused: exit 6, F129", done.code == 6 and "code F129" in done.err, done)
    height = net.height()
    check("blocks go on", until(20, lambda: net.height() > height))
    senders = [Sender(net, a) for a in accounts[:3]]
    for s in senders:
        s.start()
    code = net.process.wait(timeout=120)  # its store grows until it cannot
    for s in senders:
        s.join(60)
    log = net.log()
    check(
        "the network stops: exit 6, F129, and says why",
        code == 6 and "code F129" in log and "stopped at work" in log,
        (code, log[-1500:]),
    )
    same("whoever was sending is told: exit 6", {s.end.code for s in senders}, {6})
    sent = [one for s in senders for one in s.sent]
    check("something was acknowledged before", len(sent) > 20, len(sent))
    net = world.network(data=world.path("net"))
    lost = [i for i, h in sent if net.get(f"/transactions/{i}")["height"] != h]
    same(f"with room again, all {len(sent)} acknowledged transactions are there", lost, [])
    height = net.height()
    check("blocks go on", until(60, lambda: net.height() > height))
    same("units add up", net.total(), total)
    same("nobody was slashed", net.get("/penalties")["penalties"], [])
    done = net.publish(os.path.dirname(large), "acme/large", "1", "--wait")
    check("what did not fit is published", done.code == 0 and "registered already" in done.err, done)
    verified = world.assay("verify", os.path.dirname(large), "--cert", done.last, "--trust", net.trust)
    check("and verifies", verified.code == 0, verified)
    same("the devnet ends with exit 0", net.stop(), 0)


main(full_disk)
