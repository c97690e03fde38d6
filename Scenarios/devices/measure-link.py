#!/usr/bin/env python3
"""Times how GPUs of one machine exchange messages, for `device.link` of a scenario.

    python3 measure-link.py [--devices N] [-o FILE]

One process a GPU. Each operation is captured in a CUDA graph, as engines replay it, in runs of
calls without a gap between them; a time is that of one call, the slowest device's. Run it again
with other --devices and the same FILE to keep several counts of devices in one file.
docs/scenarios.md describes the file. NVLink multicast stays off.
"""

import os

# A program that uses NVLink multicast can disturb others on a shared host.
os.environ["NCCL_NVLS_ENABLE"] = "0"
os.environ["TORCH_SYMM_MEM_DISABLE_MULTICAST"] = "1"
os.environ["NVSHMEM_DISABLE_NVLS"] = "1"

import argparse
import datetime
import json
import socket
import statistics
import subprocess
import time
import traceback

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

KIB = 1024
MIB = 1024 * KIB
LARGEST_SYMMETRIC = 16 * MIB
SAMPLES = 12
# Seconds that one group of operations may take before it is given up.
GROUP_LIMIT = 60
DOCUMENT_KEYS = ("kvsim_link", "measured_at_utc", "device", "software", "notes")


def message_sizes(largest):
    sizes, size = [], 2 * KIB
    while size <= largest:
        sizes.append(size)
        if size * 3 // 2 <= largest:
            sizes.append(size * 3 // 2)
        size *= 2
    return sizes


class Document:
    """The file, written anew after each message size so that a run that ends early leaves one."""

    def __init__(self, path):
        self.path = path
        self.content = {"kvsim_link": 1, "notes": [], "measurements": []}
        if os.path.exists(path):
            with open(path) as file:
                self.content = json.load(file)

    def write(self):
        lines = [
            "  %s: %s" % (json.dumps(key), json.dumps(self.content[key]))
            for key in DOCUMENT_KEYS if key in self.content
        ]
        rows = ",\n".join("    " + json.dumps(row) for row in self.content["measurements"])
        lines.append('  "measurements": [\n%s\n  ]' % rows)
        with open(self.path + ".partial", "w") as file:
            file.write("{\n" + ",\n".join(lines) + "\n}\n")
        os.replace(self.path + ".partial", self.path)

    def note(self, text):
        print(text, flush=True)
        self.content["notes"].append(text)
        self.write()


class Place:
    """One process: its device and how it synchronises and times."""

    def __init__(self, rank, devices, backend):
        self.rank, self.devices, self.on_gpu = rank, devices, backend == "nccl"
        self.device = torch.device("cuda", rank) if self.on_gpu else torch.device("cpu")
        self.eager_reason = None if self.on_gpu else "no CUDA"

    def synchronise(self):
        if self.on_gpu:
            torch.cuda.synchronize()

    def captured(self, call, calls):
        """A function that makes so many calls: a graph's replay, or where that fails a loop."""
        def loop():
            for _ in range(calls):
                call()
        if self.eager_reason is None:
            try:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    loop()
                return graph.replay
            except Exception as error:
                self.eager_reason = "capture failed: " + first_line(error)
        return loop

    def times(self, call, calls):
        """Nanoseconds a call of each sample."""
        run = self.captured(call, calls)
        for _ in range(2):
            run()
        self.synchronise()
        dist.barrier()
        # The run before the first mark lines the devices up; no sample waits for a processor.
        run()
        marks = []
        for _ in range(SAMPLES + 1):
            if self.on_gpu:
                mark = torch.cuda.Event(enable_timing=True)
                mark.record()
            else:
                mark = time.perf_counter_ns()
            marks.append(mark)
            if len(marks) <= SAMPLES:
                run()
        self.synchronise()
        spans = zip(marks, marks[1:])
        if self.on_gpu:
            return [a.elapsed_time(b) * 1e6 / calls for a, b in spans]
        return [(b - a) / calls for a, b in spans]


def first_line(error):
    return type(error).__name__ + ": " + str(error).strip().split("\n")[0][:200]


def pattern(place, elements, factor):
    """Small whole numbers whose sums over 8 devices bfloat16 holds exactly."""
    values = torch.arange(elements, device=place.device, dtype=torch.int32) % 7
    return (values * factor).to(torch.bfloat16)


def expect(actual, expected, what):
    if not torch.equal(actual, expected):
        raise ValueError("%s gave a wrong result" % what)


# Each operation gives (call, hops): `call` makes `hops` messages one after the other.


def all_reduce(place, size):
    elements = size // 2
    message = pattern(place, elements, place.rank + 1)
    dist.all_reduce(message)
    place.synchronise()
    total = place.devices * (place.devices + 1) // 2
    expect(message, pattern(place, elements, total), "all-reduce")
    message.zero_()
    return lambda: dist.all_reduce(message), 1


def all_gather(place, size):
    """`size` is that of the gathered message."""
    share = size // 2 // place.devices
    mine = pattern(place, share, place.rank + 1)
    gathered = torch.zeros(share * place.devices, device=place.device, dtype=torch.bfloat16)
    dist.all_gather_into_tensor(gathered, mine)
    place.synchronise()
    shares = [pattern(place, share, rank + 1) for rank in range(place.devices)]
    expect(gathered, torch.cat(shares), "all-gather")
    return lambda: dist.all_gather_into_tensor(gathered, mine), 1


def send(place, size):
    """There and back, so that a message starts when the one before it has come."""
    elements = size // 2
    message = pattern(place, elements, 1 if place.rank == 0 else 0)
    answer = torch.zeros_like(message)

    def there_and_back():
        if place.rank == 0:
            dist.send(message, 1)
            dist.recv(answer, 1)
        elif place.rank == 1:
            dist.recv(answer, 0)
            dist.send(answer, 0)

    there_and_back()
    place.synchronise()
    if place.rank < 2:
        expect(answer, pattern(place, elements, 1), "send")
    return there_and_back, 2


class Symmetric:
    """All-reduces over memory that every device maps, as engines' own kernels do them."""

    def __init__(self, place):
        import torch.distributed._symmetric_memory as symmetric_memory

        self.place = place
        self.group = dist.group.WORLD.group_name
        self.buffer = symmetric_memory.empty(
            LARGEST_SYMMETRIC // 2, dtype=torch.bfloat16, device=place.device)
        self.handle = symmetric_memory.rendezvous(self.buffer, self.group)

    def start(self, size):
        message = self.buffer[: size // 2]
        message.copy_(pattern(self.place, size // 2, self.place.rank + 1))
        self.place.synchronise()
        dist.barrier()
        return message

    def finish(self, actual, message):
        self.place.synchronise()
        total = self.place.devices * (self.place.devices + 1) // 2
        expect(actual, pattern(self.place, actual.numel(), total), "all-reduce")
        dist.barrier()
        message.zero_()
        self.place.synchronise()
        dist.barrier()

    def one_shot(self, place, size):
        message = self.start(size)
        output = torch.empty_like(message)

        def call():
            torch.ops.symm_mem.one_shot_all_reduce_out(message, "sum", self.group, output)

        call()
        self.finish(output, message)
        return call, 1

    def two_shot(self, place, size):
        message = self.start(size)

        def call():
            torch.ops.symm_mem.two_shot_all_reduce_(message, "sum", self.group)

        call()
        self.finish(message, message)
        return call, 1


def agree(place, failed):
    """Whether any process failed."""
    flag = torch.tensor([1 if failed else 0], device=place.device, dtype=torch.int32)
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return flag.item() != 0


def measure(place, operation, size):
    """Nanoseconds a message, one a sample, of the slowest process."""
    call, hops = operation(place, size)
    for _ in range(2):
        call()
    calls = max(1, (20 if size <= 16 * MIB else 4) // hops)
    samples = torch.tensor(
        place.times(call, calls), device=place.device, dtype=torch.float64) / hops
    dist.all_reduce(samples, op=dist.ReduceOp.MAX)
    return [round(value) for value in samples.tolist()]


def measure_series(place, document, collective, algorithm, operation, sizes):
    devices = 2 if collective == "send" else place.devices
    name = "%s by %s, %d devices" % (collective, algorithm, devices)
    for size in sizes:
        times, reason = None, None
        try:
            times = measure(place, operation, size)
        except Exception as error:
            reason = first_line(error)
            print("rank %d: %s: %s" % (place.rank, name, traceback.format_exc()), flush=True)
        if agree(place, reason is not None):
            if place.rank == 0:
                document.note("%s failed at %d bytes: %s" % (name, size, reason or "elsewhere"))
            break
        if place.rank == 0:
            document.content["measurements"].append({
                "collective": collective, "algorithm": algorithm, "devices": devices,
                "bytes": size, "times_ns": times})
            document.write()
            print("%s: %d bytes, %.1f us" % (name, size, statistics.median(times) / 1e3),
                  flush=True)
    if place.rank == 0 and place.eager_reason and place.on_gpu:
        document.note("%s: not in a graph, %s" % (name, place.eager_reason))
    place.eager_reason = None if place.on_gpu else place.eager_reason


def worker(rank, devices, backend, port, group, path, largest):
    place = Place(rank, devices, backend)
    arguments = {"device_id": place.device} if place.on_gpu else {}
    if place.on_gpu:
        torch.cuda.set_device(place.device)
    dist.init_process_group(
        backend, init_method="tcp://127.0.0.1:%d" % port, rank=rank, world_size=devices,
        timeout=datetime.timedelta(seconds=GROUP_LIMIT), **arguments)
    document = Document(path) if rank == 0 else None
    if group == "library":
        series = [("all-reduce", backend, all_reduce), ("all-gather", backend, all_gather),
                  ("send", backend, send)]
    else:
        symmetric = Symmetric(place)
        largest = min(largest, LARGEST_SYMMETRIC)
        series = [("all-reduce", "symmetric memory, one shot", symmetric.one_shot),
                  ("all-reduce", "symmetric memory, two shots", symmetric.two_shot)]
    for collective, algorithm, operation in series:
        measure_series(
            place, document, collective, algorithm, operation, message_sizes(largest))
    place.synchronise()
    dist.barrier()
    dist.destroy_process_group()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_group(arguments, devices, group):
    """Runs the operations of a group in processes of their own; None, or what ended them early."""
    deadline = time.monotonic() + GROUP_LIMIT
    context = multiprocessing.spawn(
        worker, nprocs=devices, join=False,
        args=(devices, arguments.backend, free_port(), group, arguments.output,
              arguments.largest))
    try:
        while not context.join(timeout=1):
            if time.monotonic() > deadline:
                return "not done after %d s" % GROUP_LIMIT
    except Exception as error:
        lines = [line for line in str(error).strip().split("\n") if line.strip()]
        return lines[-1][:300] if lines else type(error).__name__
    finally:
        for process in context.processes:
            if process.is_alive():
                process.kill()
    return None


def output_of(*command):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10).stdout.strip()
    except Exception:
        return ""


def describe(document, arguments, devices):
    content = document.content
    now = datetime.datetime.now(datetime.timezone.utc)
    content["measured_at_utc"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    software = "PyTorch " + torch.__version__
    device = {"name": "processor"}
    if arguments.backend == "nccl":
        device["name"] = torch.cuda.get_device_name(0)
        driver = output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        device["driver"] = "NVIDIA " + driver.split("\n")[0]
        software += ", NCCL " + ".".join(str(part) for part in torch.cuda.nccl.version())
        links = output_of("nvidia-smi", "nvlink", "--status", "-i", "0")
        speeds = [line.split(":")[-1].strip() for line in links.split("\n") if "GB/s" in line]
        print(output_of("nvidia-smi", "topo", "-m"), flush=True)
        print(links, flush=True)
        if speeds:
            device["links"] = "%d NVLinks of %s" % (len(speeds), speeds[0])
    content["device"], content["software"] = device, software
    # What an earlier run of as many devices left makes room for this one.
    content["measurements"] = [
        row for row in content["measurements"]
        if row["devices"] != devices and row["collective"] != "send"]
    document.write()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--devices", type=int, help="how many; all of the machine's if left out")
    parser.add_argument("-o", "--output", default="link.json", help="the file to write")
    parser.add_argument("--backend", default="nccl", choices=["nccl", "gloo"],
                        help="gloo tries the script on a processor")
    parser.add_argument("--largest", type=int, default=256 * MIB, help="bytes of a message")
    arguments = parser.parse_args()
    on_gpu = arguments.backend == "nccl"
    devices = arguments.devices or (torch.cuda.device_count() if on_gpu else 2)
    if devices < 2 or on_gpu and devices > torch.cuda.device_count():
        parser.error("%d devices to use; two or more are needed, of %d that are there"
                     % (devices, torch.cuda.device_count()))
    describe(Document(arguments.output), arguments, devices)
    for group in ["library", "symmetric"] if on_gpu else ["library"]:
        ended = run_group(arguments, devices, group)
        if ended:
            Document(arguments.output).note("%s operations ended early: %s" % (group, ended))
    print("wrote " + arguments.output)


if __name__ == "__main__":
    main()
