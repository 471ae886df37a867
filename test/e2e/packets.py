# SPDX-License-Identifier: Apache-2.0
"""packets - loses packets of a network interface by chance, in the kernel: six instructions of BPF at the interface's
door (XDP). Here for kernels without netem; it takes root of the machine, which root of a namespace is not."""

import ctypes
import os
import platform
import socket
import struct

PROG_LOAD, LINK_CREATE = 5, 28  # commands of bpf(2)
XDP_PROGRAM, XDP_ATTACH = 6, 37
RANDOM = 7  # the helper bpf_get_prandom_u32
DROP, PASS = 1, 2
CALL, JUMP_IF_BELOW, SET, EXIT = 0x85, 0xA6, 0xB7, 0x95
SYSCALLS = {"x86_64": 321, "aarch64": 280}


class Refused(OSError):
    """The kernel does not let us."""


def bpf(command, *parts):
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = b"".join(parts).ljust(128, b"\0")
    done = libc.syscall(SYSCALLS.get(platform.machine(), -1), command, attributes, len(attributes))
    if done < 0:
        raise Refused(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done


def program(share):
    """Drops a packet with a chance of share. The file descriptor of it."""
    one = lambda code, register=0, jump=0, value=0: struct.pack("<BBhI", code, register, jump, value)  # noqa: E731
    text = (
        one(CALL, value=RANDOM)
        + one(JUMP_IF_BELOW, jump=2, value=min(int(share * 2**32), 2**32 - 1))
        + one(SET, value=PASS)
        + one(EXIT)
        + one(SET, value=DROP)
        + one(EXIT)
    )
    code, licence = ctypes.create_string_buffer(text), ctypes.create_string_buffer(b"GPL")
    words = struct.pack("<IIQQ", XDP_PROGRAM, len(text) // 8, ctypes.addressof(code), ctypes.addressof(licence))
    return bpf(PROG_LOAD, words)


class Loss:
    """While it is open, packets that come in at these interfaces of our own namespace are lost with a chance of share."""

    def __init__(self, interfaces, share):
        self.links = []
        number = program(share)
        try:
            for name in interfaces:
                self.links.append(bpf(LINK_CREATE, struct.pack("<IIII", number, socket.if_nametoindex(name), XDP_ATTACH, 0)))
        except BaseException:
            self.close()
            raise
        finally:
            os.close(number)

    def close(self):
        for link in self.links:
            os.close(link)
        self.links = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
