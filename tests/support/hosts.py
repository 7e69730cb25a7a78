"""Hosts of their own for the servers of a test: a network namespace each, and between them and this machine a
router that is told to cut a host off from the databases, or to lose and to delay what passes.

    hosts.py COUNT

It says "ready", the first three numbers of the network, and the processes that hold the namespaces; or
"none", and why there can be none. Then it takes orders by its input, and says what became of each. All that
it makes is the kernel's, which takes it away with this process.
"""

import fcntl
import heapq
import os
import random
import selectors
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# Where hosts reach the databases; who asks the hosts themselves comes from another address.
MACHINE, CALLER = 1, 254


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def device():
    """A device, of which the other end is here."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    wish = struct.pack("16sH22x", b"longhaul%d", IFF_TUN | IFF_NO_PI)
    named = fcntl.ioctl(end, TUNSETIFF, wish)
    return end, named[:16].rstrip(b"\0").decode()


def namespace():
    """A process that holds one, as long as this one lives."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if holder.stdout.readline() != "ready\n":
        raise OSError("no network namespace: " + holder.communicate()[1].strip())
    return holder


def free_network():
    """One of the networks for measurements (RFC 2544) that nobody here has."""
    taken = subprocess.run(["ip", "-o", "-4", "address"], check=True, capture_output=True, text=True).stdout
    free = [f"198.{b}.{c}" for b in (18, 19) for c in range(256) if f" 198.{b}.{c}." not in taken]
    return random.choice(free)


class Line:
    """What lies between a host and the databases."""

    def __init__(self):
        self.is_cut, self.loss, self.least, self.most = False, 0.0, 0.0, 0.0
        # Of each direction: nothing overtakes.
        self.latest = [0.0, 0.0]


class Router:
    def __init__(self, count):
        self.network = free_network()
        end, name = device()
        self.ends = {MACHINE: end, CALLER: end}
        for last in (MACHINE, CALLER):
            run("ip", "address", "add", f"{self.network}.{last}/32", "dev", name)
        run("ip", "link", "set", name, "up")
        route = ["ip", "route", "add", f"{self.network}.0/24", "dev", name]
        run(*route, "src", f"{self.network}.{CALLER}")
        self.holders = [namespace() for _ in range(count)]
        for number, holder in enumerate(self.holders):
            end, name = device()
            run("ip", "link", "set", name, "netns", str(holder.pid))
            inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "ip"]
            run(*inside, "address", "add", f"{self.network}.{number + 2}/24", "dev", name)
            run(*inside, "link", "set", name, "up")
            self.ends[number + 2] = end
        self.lines = {number + 2: Line() for number in range(count)}
        self.held, self.order, self.lost, self.delayed = [], 0, 0, 0

    def send(self, to, packet):
        try:
            os.write(to, packet)
        except OSError:
            pass  # A device that takes no more loses it, as any does.

    def carry(self, packet):
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return
        source, target = packet[15], packet[19]
        to = self.ends.get(target)
        if to is None:
            return
        line = self.lines.get(source if target == MACHINE else target)
        if line is None or MACHINE not in (source, target):
            self.send(to, packet)
        elif line.is_cut or random.random() < line.loss:
            self.lost += 1
        elif line.most == 0.0:
            self.send(to, packet)
        else:
            way = int(source == MACHINE)
            at = time.monotonic() + random.uniform(line.least, line.most)
            line.latest[way] = at = max(at, line.latest[way])
            self.order, self.delayed = self.order + 1, self.delayed + 1
            heapq.heappush(self.held, (at, self.order, to, packet))

    def obey(self, words):
        if words[0] == "count":
            return f"{self.lost} {self.delayed}"
        line = self.lines[int(words[1]) + 2]
        line.is_cut = words[0] == "cut"
        line.loss, line.least, line.most = map(float, words[2:]) if words[0] == "worsen" else (0.0, 0.0, 0.0)
        return "done"

    def serve(self):
        ready = selectors.DefaultSelector()
        for end in set(self.ends.values()):
            ready.register(end, selectors.EVENT_READ)
        ready.register(0, selectors.EVENT_READ)
        told = b""
        while True:
            pause = max(0.0, self.held[0][0] - time.monotonic()) if self.held else None
            for key, _ in ready.select(pause):
                if key.fd == 0:
                    more = os.read(0, 4096)
                    if not more:
                        return
                    *orders, told = (told + more).split(b"\n")
                    for order in orders:
                        print(self.obey(order.decode().split()), flush=True)
                else:
                    try:
                        self.carry(os.read(key.fd, 65536))
                    except OSError:
                        pass  # Nothing there after all.
            while self.held and self.held[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(self.held)
                self.send(to, packet)


def main():
    try:
        router = Router(int(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        print("none", " ".join(f"{' '.join(error.cmd)}: {error.stderr}".split()), flush=True)
    except OSError as error:
        print("none", error, flush=True)
    else:
        print("ready", router.network, *(holder.pid for holder in router.holders), flush=True)
        router.serve()


main()
