"""A network whose faults are chosen: namespaces of Linux, joined by a router in this process.

Each namespace has one TUN device. The router forwards IPv4 packets between these devices, with
the delay, the loss and the cut of each direction, and forges resets of connections. No module of the
kernel but `tun` is needed, and root only in a user namespace.
"""

import collections
import concurrent.futures
import ctypes
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time

# <sched.h>, <linux/if_tun.h>
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
TCP = 6
FIN, SYN, RST, ACK = 1, 2, 4, 16
PACKET_BYTES = 65536

libc = ctypes.CDLL(None, use_errno=True)
HOME = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{function.__name__}: {os.strerror(ctypes.get_errno())}")


class Namespace:
    """A network namespace with an address. A thread makes sockets and processes there in a `with`."""

    def __init__(self, address):
        self.address = address
        # The namespace of a thread: that of this process stays.
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            thread.submit(self._make).result()

    def _make(self):
        call(libc.unshare, CLONE_NEWNET)
        self.handle = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"trial", IFF_TUN | IFF_NO_PI))
        for command in ("link set dev lo up", f"address add {self.address}/24 dev trial",
                        "link set dev trial up"):
            subprocess.run(["ip", *command.split()], check=True)

    def __enter__(self):
        call(libc.setns, self.handle, CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        call(libc.setns, HOME, CLONE_NEWNET)

    def close(self):
        os.close(self.tun)
        os.close(self.handle)


class Link:
    """One direction between two namespaces."""

    def __init__(self):
        self.mend()
        self.latest = 0.0

    def mend(self):
        self.delay = self.jitter = self.loss = 0.0
        self.is_cut = False
        # The ports to or from which packets vanish.
        self.cut_ports = frozenset()


class Packet:
    """The fields of an IPv4 packet that are needed here; `flow` is None unless it is TCP."""

    def __init__(self, data):
        self.data = data
        self.is_ipv4 = data[0] >> 4 == 4
        self.flow = None
        if not self.is_ipv4:
            return
        self.source, self.destination = data[12:16], data[16:20]
        if data[9] == TCP:
            header = 4 * (data[0] & 15)
            ports, self.sequence, self.acknowledged, offset, self.flags = struct.unpack_from(
                "!4sIIBB", data, header)
            self.ports = struct.unpack("!HH", ports)
            payload = len(data) - header - 4 * (offset >> 4)
            self.end = self.sequence + payload + bool(self.flags & SYN) + bool(self.flags & FIN)
            self.flow = (self.source, self.destination, *self.ports)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def reset(flow, sequence):
    """Returns a packet that resets a connection at the destination of a flow."""
    source, destination, *ports = flow
    tcp = struct.pack("!HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, 0, 5 << 4, RST, 0, 0, 0)
    pseudo = source + destination + struct.pack("!BBH", 0, TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, TCP, 0, source, destination)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def reverse(flow):
    source, destination, source_port, destination_port = flow
    return destination, source, destination_port, source_port


class Router(threading.Thread):
    """Forwards packets until it is closed."""

    def __init__(self, namespaces, random):
        super().__init__(daemon=True)
        self.tuns = {bytes(map(int, one.address.split("."))): one.tun for one in namespaces}
        self.random = random
        self.links = collections.defaultdict(Link)
        # The end of the latest packet of each flow, and what it acknowledged.
        self.flows, self.doomed = {}, set()
        self.waiting, self.number = [], 0
        self.lock = threading.Lock()
        self.is_closed = False
        self.counts = collections.Counter()
        self.start()

    def link(self, source, destination):
        return self.links[tuple(bytes(map(int, one.address.split("."))) for one in (source, destination))]

    def both(self, one, other):
        return self.link(one, other), self.link(other, one)

    def reset(self, one, other):
        """Resets all connections between two namespaces at both ends."""
        ends = {bytes(map(int, side.address.split("."))) for side in (one, other)}
        with self.lock:
            flows = {flow: state for flow, state in self.flows.items() if set(flow[:2]) == ends}
            # A guess that is wrong is answered with an acknowledgement, which has the right number.
            self.doomed.update(flows)
            for flow, (_, acknowledged) in flows.items():
                self.write(reset(reverse(flow), acknowledged), flow[0])
                del self.flows[flow]
            return len(flows) // 2

    def write(self, data, destination):
        try:
            os.write(self.tuns[destination], data)
        except (OSError, KeyError):
            # The queue of the device is full, or the packet is for no namespace.
            self.counts["dropped"] += 1

    def run(self):
        poll = select.poll()
        for tun in self.tuns.values():
            poll.register(tun, select.POLLIN)
        while not self.is_closed:
            wait = 100.0 if not self.waiting else 1000 * (self.waiting[0][0] - time.monotonic())
            for tun, _ in poll.poll(max(0.0, min(wait, 100.0))):
                try:
                    data = os.read(tun, PACKET_BYTES)
                except OSError:
                    continue
                with self.lock:
                    self.route(Packet(data), time.monotonic())
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, data, destination = heapq.heappop(self.waiting)
                self.write(data, destination)

    def route(self, packet, now):
        if not packet.is_ipv4:
            return
        link = self.links[packet.source, packet.destination]
        if packet.flow and self.is_reset(packet):
            return
        is_cut = link.is_cut or (packet.flow and not link.cut_ports.isdisjoint(packet.ports))
        if is_cut or self.random.random() < link.loss:
            self.counts["lost"] += 1
            return
        self.counts["forwarded"] += 1
        delay = link.delay + link.jitter * self.random.random()
        # In order, as through a queue.
        link.latest = max(link.latest, now + delay)
        if link.latest <= now:
            return self.write(packet.data, packet.destination)
        self.number += 1
        heapq.heappush(self.waiting, (link.latest, self.number, packet.data, packet.destination))

    def is_reset(self, packet):
        """Whether a packet is of a connection that was reset. Answers it with resets to both ends."""
        flow = packet.flow
        if packet.flags & SYN:
            # Another connection with the same ports.
            self.doomed.discard(flow)
            self.doomed.discard(reverse(flow))
        if flow in self.doomed:
            if packet.flags & ACK and not packet.flags & RST:
                self.write(reset(reverse(flow), packet.acknowledged), packet.source)
                self.write(reset(flow, packet.sequence), packet.destination)
            self.counts["reset"] += 1
            return True
        if packet.flags & RST:
            self.flows.pop(flow, None)
        elif packet.flags & ACK:
            self.flows[flow] = packet.end, packet.acknowledged
        return False

    def close(self):
        self.is_closed = True
        self.join()
