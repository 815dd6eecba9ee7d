#!/usr/bin/env python3
# sweep.py - makes every call and every allocation of salvor fail in turn, and judges each end by what must always hold
# SPDX-License-Identifier: GPL-3.0-or-later
"""
sweep.py calls|allocs short|full DIR [NAME...]

DIR holds what faults.sh made: source (a disk), used (its ranges that are read), image/ and image-xz/
(complete images), started/ (an interrupted one, as NAME.part). For each job (all, or those named):
one undisturbed run tells how many operations of each kind there are; then the n-th of each kind fails
in each plausible way. Whatever happens:

  - no signal, no hang; 0 or an exit code that fits what failed
  - one sentence on stderr that names what it is about, none after a success
  - success only when everything is there and right; no image under its final name unless whole, and
    what is left of one can be continued; no table on a target half written; the source as it was
"""
import collections
import concurrent.futures
import errno
import fcntl
import glob
import hashlib
import lzma
import os
import shutil
import subprocess
import sys

MIB = 1 << 20
LIMIT = 60  # seconds; a run takes a fraction of one
SALVOR = os.environ["SALVOR"]
POISON = b"\xa5"

# how the operations of faultio.c may fail: errno or letter; "+" = from there on always
WAYS = {
    "r": ["EIO", "EIO+", "ENODEV+", "Z+", "H", "EINTR"],
    "w": ["ENOSPC", "ENOSPC+", "EIO", "EFBIG", "EROFS+", "EDQUOT", "H", "Z", "Z+", "EINTR"],
    "s": ["EIO", "ENOSPC", "EINTR", "EINVAL"],
    "b": ["EIO", "ENOSPC"],
    "c": ["EIO", "EINTR"],
    "t": ["ENOSPC", "EFBIG", "EIO", "EINTR"],
    "i": ["ENOTTY", "EIO", "ENODEV+", "Z"],
    "l": ["EAGAIN", "ENOSYS", "EINTR"],
    "o": ["EIO", "EMFILE", "EACCES", "ENOSPC", "EROFS", "EINTR", "ENODEV+"],
    "D": ["EIO"],
    "S": ["EIO", "EACCES", "Z"],
    "f": ["EIO", "ENOSYS"],
    "n": ["EIO", "ENOSPC", "EROFS"],
    "u": ["EIO", "EROFS+"],
    "d": ["ENOSPC", "EACCES", "EROFS"],
    "g": ["ENOSYS", "EINTR", "H"],
    "p": ["EAGAIN"],
    "k": ["EAGAIN"],
    "m": ["EMFILE", "ENOMEM"],
    "q": ["EMFILE"],
}
FULL = ("ENOSPC", "EDQUOT", "EFBIG")


def read_ranges(path):
    with open(path) as f:
        return [(int(a), int(a) + int(n)) for a, n in (line.split() for line in f)]


class World:
    """what all jobs share"""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.source = self.path("source")
        self.image = self.path("image")
        with open(self.source, "rb") as f:
            self.disk = f.read()
        self.used = read_ranges(self.path("used"))
        self.part_start, self.part_size = map(int, open(self.path("part1")).read().split())

    def path(self, *names):
        return os.path.join(self.root, *names)


def gaps(ranges, size):
    at = 0
    for start, end in ranges + [(size, size)]:
        if start > at:
            yield at, start
        at = end


def same_where_used(world, got, filler):
    """used bytes as on the source, the others as `filler` or (read whole) as on the source too"""
    if len(got) != len(world.disk):
        return False
    for start, end in world.used:
        if got[start:end] != world.disk[start:end]:
            return False
    for start, end in gaps(world.used, len(got)):
        for at in range(start, end, 512):
            piece = got[at : min(at + 512, end)]
            if piece != filler * len(piece) and piece != world.disk[at : at + len(piece)]:
                return False
    return True


# ---- jobs: what is run, and what must hold afterwards ----


class Job:
    codes = {}  # role -> exit codes that fit a failure there

    def __init__(self, world, home):
        self.world, self.home = world, home

    def prepare(self):
        os.makedirs(self.home, exist_ok=True)

    def roles(self):
        """role -> part of the paths that belong to it; what belongs to none is "system" """
        return {}

    on_device = False  # paths below /dev, so "outside of DIR" is no role
    strike = None  # what is made to fail just now

    def judge(self, code, out):
        return []


def stream_of(image):
    names = sorted(glob.glob(image + "/disk.img.*"))
    data = b"".join(open(n, "rb").read() for n in names)
    if "disk.img.xz" in names[0]:
        return lzma.decompress(data)
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


def sums_right(image):
    listed = {}
    for line in open(image + "/SHA256SUMS"):
        listed[line[66:-1]] = line[:64]
    for name, want in listed.items():
        with open(os.path.join(image, name), "rb") as f:
            if hashlib.sha256(f.read()).hexdigest() != want:
                return False
    return set(os.listdir(image)) == set(listed) | {"SHA256SUMS"}


class Save(Job):
    options = []
    started = None
    codes = {"source": {9}, "store": {8}, "system": {1}}

    def prepare(self):
        super().prepare()
        self.store = os.path.join(self.home, "store")
        shutil.rmtree(self.store, ignore_errors=True)
        os.mkdir(self.store)
        self.image = os.path.join(self.store, "img")
        if self.started:
            shutil.copytree(self.world.path(self.started), self.image + ".part")

    def argv(self):
        return ["save", self.world.source, self.image, "--preset", "fast", *self.options]

    def roles(self):
        return {"source": self.world.source, "store": os.path.join(self.home, "store")}

    def image_wrong(self, image):
        if not os.path.isdir(image):
            return ["there is no image"]
        if os.path.exists(image + ".part"):
            return ["the unfinished image is still there"]
        try:
            if not sums_right(image):
                return ["the image's files are not those of SHA256SUMS"]
            if not same_where_used(self.world, stream_of(image), b"\0"):
                return ["the stream is not the disk"]
        except (OSError, lzma.LZMAError, subprocess.CalledProcessError) as e:
            return ["the image cannot be read: %s" % e]
        return []

    def judge(self, code, out):
        if code == 0:
            return self.image_wrong(self.image)
        if os.path.exists(self.image):
            return ["a failed save left an image under its final name"]
        left = [n for n in os.listdir(self.store) if n != "img.part"]
        if left:
            return ["left in the store: %s" % left]
        if not os.path.exists(self.image + ".part"):
            return ["what was started is gone"] if self.started else []
        argv = self.argv() + ([] if "--resume" in self.options else ["--resume"])
        again = subprocess.run([SALVOR, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=LIMIT)
        if again.returncode == 6 and self.distrusted:
            return []  # it was begun with another map
        if again.returncode:
            return ["it cannot be continued: %d %s" % (again.returncode, again.stderr.strip())]
        return ["continued, but " + c for c in self.image_wrong(self.image)]


class SaveUnverified(Save):
    options = ["--no-verify"]


class SaveVolumes(Save):
    options = ["--volume-size", "1M", "--no-verify"]


class SaveXz(Save):
    options = ["--codec", "xz", "--level", "1"]


class SaveResume(Save):
    options = ["--resume"]
    started = "started"


class OnImage(Job):
    """jobs that only read an image"""

    codes = {"store": {8}, "system": {1}}
    files = "image"

    def argv(self):
        return [self.verb, self.world.path(self.files), *self.options]

    options = []

    def roles(self):
        return {"store": self.world.path(self.files)}


class Verify(OnImage):
    verb = "verify"


class VerifyXz(OnImage):
    verb = "verify"
    files = "image-xz"


class VerifyAgainst(OnImage):
    verb = "verify"
    codes = {"store": {8}, "source": {9}, "system": {1}}

    def prepare(self):
        super().prepare()
        self.options = ["--against", self.world.source]

    def roles(self):
        return {"store": self.world.image, "source": self.world.source}


class Document(OnImage):
    """verbs whose output is the result"""

    normal = {}

    def fits(self, out):
        return False

    def judge(self, code, out):
        if code == 0 and out != self.normal.setdefault(type(self), out) and not self.fits(out):
            return ["another answer than undisturbed"]
        return []


class Show(Document):
    verb = "show"


class ShowJson(Show):
    options = ["--json"]


class List(Document):
    verb = "list"
    files = "images"

    def fits(self, out):
        """named at least, from whatever can be read of it"""
        return out.splitlines()[1].startswith("one ")


class Map(Job):
    codes = {"source": {9}, "system": {1}}

    def argv(self):
        return ["map", self.world.source, "--extents"]

    def roles(self):
        return {"source": self.world.source}

    def judge(self, code, out):
        if code:
            return []
        got = [tuple(map(int, line.split())) for line in out.splitlines()]
        for start, end in self.world.used:
            if not any(a <= start and end <= a + n for a, n in got):
                return ["the map leaves out %d to %d" % (start, end)]
        return []


class Restore(Job):
    codes = {"store": {8}, "target": {10}, "system": {1}}
    options = []

    def prepare(self):
        super().prepare()
        self.target = os.path.join(self.home, "target")
        self.before = self.old_target()
        if self.before is not None:
            with open(self.target, "wb") as f:
                f.write(self.before)
        elif os.path.exists(self.target):
            os.unlink(self.target)

    def old_target(self):
        """poison everywhere, and the source's table, slightly later: an old one"""
        size = len(self.world.disk)
        old = bytearray(POISON * size)
        old[:34 * 512] = self.world.disk[: 34 * 512]
        old[size - 33 * 512 :] = self.world.disk[size - 33 * 512 :]
        return bytes(old)

    def argv(self):
        return ["restore", self.world.image, self.target, "--confirm-erase", str(len(self.world.disk)), *self.options]

    def roles(self):
        return {"store": self.world.image, "target": os.path.join(self.home, "target")}

    def judge(self, code, out):
        with open(self.target, "rb") as f:
            got = f.read()
        if code == 4 and self.strike.role == "store":
            return []  # an image that cannot be read everywhere is restored as far as it goes
        return self.judge_done(got) if code in (0, 3) else self.judge_failed(got)

    def judge_done(self, got):
        return [] if same_where_used(self.world, got, POISON) else ["the target is not the disk"]

    def judge_failed(self, got):
        size = len(got)
        touched = got[MIB : size - MIB] != self.before[MIB : size - MIB]
        table = got[510:512] == b"\x55\xaa"
        if not (self.strike.op == "w" and self.strike.way[-1] == "+"):  # else it cannot be taken back
            table |= got[512:520] == b"EFI PART" or got[size - 512 : size - 504] == b"EFI PART"
        return ["a failed restore left a table over other data"] if touched and table else []


class RestoreUnverified(Restore):
    options = ["--no-verify"]


class RestoreNew(Restore):
    def old_target(self):
        return None

    def argv(self):
        return ["restore", self.world.image, self.target]

    def judge_done(self, got):
        return [] if same_where_used(self.world, got, b"\0") else ["the target is not the disk"]

    def judge(self, code, out):
        if code == 4 and self.strike.role == "store":
            return []
        if code in (0, 3):
            return super().judge(code, out)
        return ["a failed restore left the file it made"] if os.path.exists(self.target) else []


class RestorePart(Restore):
    options = ["--partition", "1:1"]

    def judge_done(self, got):
        a, b = self.world.part_start, self.world.part_start + self.world.part_size
        want = self.before[:a] + self.world.disk[a:b] + self.before[b:]
        used = [(max(s, a), min(e, b)) for s, e in self.world.used if s < b and e > a]
        if got[:a] != want[:a] or got[b:] != want[b:]:
            return ["written outside of the partition"]
        return [] if all(got[s:e] == want[s:e] for s, e in used) else ["the partition is not the saved one"]

    def judge_failed(self, got):
        a, b = self.world.part_start, self.world.part_start + self.world.part_size
        if got[:a] != self.before[:a] or got[b:] != self.before[b:]:
            return ["written outside of the partition"]
        touched = got[a + MIB : b - MIB] != self.before[a + MIB : b - MIB]
        if self.strike.op == "w" and self.strike.way[-1] == "+":
            return []  # it cannot be taken back
        return ["a failed restore left a superblock"] if touched and got[a + 1080 : a + 1082] == b"\x53\xef" else []


def loop_of(job, kind):
    """the loop device of this worker"""
    number = os.path.basename(os.path.dirname(job.home))[4:] or "0"
    with open(job.world.path("loop-%s-%s" % (kind, number))) as f:
        return f.read().strip()


GUARDS = "/run/salvor/ro"


def clear_flag(device):
    """whatever the run before left"""
    with open(device, "rb") as f:
        fcntl.ioctl(f, 0x125D, bytes(4))  # BLKROSET: off


def guard_left(job):
    """what is still there of the guard of job.device, after another start"""
    # what could not be put back is put back by the next start
    subprocess.run([SALVOR, "show", job.world.image], stdout=subprocess.DEVNULL, check=True)
    left = glob.glob("%s/%s.*" % (GUARDS, os.path.basename(job.device)))
    flag = bytearray(4)
    with open(job.device, "rb") as f:
        fcntl.ioctl(f, 0x125E, flag)  # BLKROGET
    return ["the guard is still there: flag %d, records %s" % (flag[0], left)] if left or flag[0] else []


class SaveLoop(SaveUnverified):
    """from a device, under its guard: the kernel's read-only flag, noted under /run/salvor/ro"""

    codes = {"source": {9}, "store": {8}, "guard": set()}
    on_device = True

    def prepare(self):
        super().prepare()
        self.device = loop_of(self, "source")
        clear_flag(self.device)

    def argv(self):
        return ["save", self.device, *super().argv()[2:]]

    def roles(self):
        return {**super().roles(), "source": loop_of(self, "source"), "guard": GUARDS}

    def judge(self, code, out):
        return guard_left(self) + super().judge(code, out)


class RestoreLoop(Restore):
    on_device = True

    def prepare(self):
        os.makedirs(self.home, exist_ok=True)
        self.target = loop_of(self, "target")
        self.before = self.old_target()
        with open(self.target, "r+b") as f:
            f.write(self.before)

    def roles(self):
        return {"store": self.world.image, "target": loop_of(self, "target")}


class Clone(Restore):
    codes = {"source": {9}, "target": {10}, "system": {1}}

    def argv(self):
        return ["clone", self.world.source, self.target, "--confirm-erase", str(len(self.world.disk)), *self.options]

    def roles(self):
        return {"source": self.world.source, "target": os.path.join(self.home, "target")}


class CloneLoop(RestoreLoop):
    codes = {"source": {9}, "target": {10}, "guard": set()}

    def prepare(self):
        super().prepare()
        self.device = loop_of(self, "source")
        clear_flag(self.device)

    def argv(self):
        return ["clone", self.device, self.target, "--confirm-erase", str(len(self.world.disk))]

    def roles(self):
        return {"source": loop_of(self, "source"), "target": loop_of(self, "target"), "guard": GUARDS}

    def judge(self, code, out):
        return guard_left(self) + super().judge(code, out)


JOBS = {
    "save": Save,
    "save-unverified": SaveUnverified,
    "save-volumes": SaveVolumes,
    "save-xz": SaveXz,
    "save-resume": SaveResume,
    "verify": Verify,
    "verify-xz": VerifyXz,
    "verify-against": VerifyAgainst,
    "show": Show,
    "show-json": ShowJson,
    "list": List,
    "map": Map,
    "restore": Restore,
    "restore-unverified": RestoreUnverified,
    "restore-new": RestoreNew,
    "restore-part": RestorePart,
    "clone": Clone,
    "save-loop": SaveLoop,
    "restore-loop": RestoreLoop,
    "clone-loop": CloneLoop,
}

# what a short sweep leaves to the full one
LONG = ("save-unverified", "save-xz", "show", "show-json", "verify-xz", "verify-against", "restore-unverified", "restore-new")

# ---- running ----


def run(job, preload, env):
    """(exit code, stdout, stderr); the code is None after a hang"""
    env = {**os.environ, **env, "LD_PRELOAD": os.environ[preload]}
    argv = [SALVOR, *job.argv(), *(["--threads", "1"] if job.argv()[0] in ("save", "verify", "restore", "clone") else [])]
    proc = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        out, err = proc.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.communicate()
        return None, "", ""
    return proc.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def sentences(err):
    return [line for line in err.splitlines() if not line.startswith(("salvor: warning: ", "salvor: continuing at "))]


def complaints(job, code, out, err, fitting):
    if code is None:
        return ["it hangs"]
    if code < 0:
        return ["ended by signal %d" % -code]
    found = []
    job.distrusted = "is not trusted" in err
    said = sentences(err)
    if code == 0 and said:
        found.append("a success says: %s" % said)
    if code and (len(said) != 1 or not said[0].startswith("salvor: ") or not said[0].endswith(".")):
        found.append("not one sentence: %s" % said)
    if code not in fitting:
        found.append("exit code %d, not one of %s" % (code, sorted(fitting)))
    return found + job.judge(code, out)


class Strike:
    """one thing that is made to fail"""

    def __init__(self, name, role, op, n, way):
        self.name, self.role, self.op, self.n, self.way = name, role, op, n, way

    def __str__(self):
        return "%s: %s %s %d %s" % (self.name, self.role, self.op, self.n, self.way)

    def rule(self, job):
        part = job.roles().get(self.role, "!" + job.world.root)
        word = self.way.rstrip("+")
        what = word if len(word) == 1 else str(getattr(errno, word))
        return "%s:%s:0:0:%s:%d:%d" % (part, self.op, what, self.n, 0 if self.way[-1] == "+" else 1)

    def fitting(self, job):
        word = self.way.rstrip("+")
        codes = {0} | job.codes.get(self.role, {1})
        # the reader of tables is a child; when it fails the table is not trusted
        if self.role == "system" and isinstance(job, (SaveResume, RestorePart)):
            codes |= {6}
        # metadata that cannot be read makes another map, and a save is not continued with another map
        if self.role == "source" and isinstance(job, SaveResume):
            codes |= {6}
        if isinstance(job, Save) and self.role == "store" and word in FULL:
            codes = {0, 7}
        # a place that cannot be read, or that ends early, is damage, and that is for verify to find
        if self.role == "store" and self.op in "rS" and word in ("EIO", "Z"):
            codes |= {4}
        if self.role == "store" and self.op in "oS" and word == "EIO":
            codes |= {4}
        if self.role == "target" and self.op in "Si" and isinstance(job, RestoreLoop):
            codes |= {6}  # not known to be a device any more
        if self.op == "l" and word == "EAGAIN" and self.role == "store":
            codes = {0, 11}
        return codes


def pick(n, most):
    """at most `most` of n: the first, the last, and evenly between"""
    if n <= most:
        return list(range(n))
    if most == 1:
        return [n // 2]
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


def count_calls(job):
    """(role, op) -> how many, of an undisturbed run"""
    log = os.path.join(job.home, "log")
    if os.path.exists(log):
        os.unlink(log)
    job.prepare()
    code, out, err = run(job, "FAULTIO_SO", {"FAULTIO_LOG": log})
    wrong = complaints(job, code, out, err, {0})
    if wrong:
        sys.exit("FAILED undisturbed: %s: %s\n%s" % (job.argv(), wrong, err))
    counts = collections.Counter()
    for line in open(log, errors="replace"):
        op, _, _, path = line.rstrip("\n").split(" ", 3)
        role = next((r for r, part in job.roles().items() if part in path), None)
        if role is None:
            role = "system" if job.world.root not in path and not job.on_device else None
        if role:
            counts[role, op] += 1
    return counts


def strikes_of(name, job, full):
    most, ways = (40, 99) if full else (1, 1)
    for (role, op), n in sorted(count_calls(job).items()):
        for i in pick(n, most):
            for way in WAYS[op][:ways] if full or op not in "rw" else WAYS[op][1:3]:
                yield Strike(name, role, op, i, way)


def try_strike(job, strike):
    job.strike = strike
    job.prepare()
    code, out, err = run(job, "FAULTIO_SO", {"FAULTIO": strike.rule(job)})
    return code, err, complaints(job, code, out, err, strike.fitting(job))


# ---- allocations ----


class Shortage:
    role = op = way = "-"

    def __init__(self, name, n, lasting):
        self.name, self.n, self.lasting = name, n, lasting

    def __str__(self):
        return "%s: allocation %d%s" % (self.name, self.n, "+" if self.lasting else "")


def shortages_of(name, job, full):
    log = os.path.join(job.home, "alloc-log")
    if os.path.exists(log):
        os.unlink(log)
    job.prepare()
    code, out, err = run(job, "FAULTALLOC_SO", {"FAULTALLOC_LOG": log})
    wrong = complaints(job, code, out, err, {0})
    if wrong:
        sys.exit("FAILED undisturbed: %s: %s\n%s" % (job.argv(), wrong, err))
    total = max(map(int, open(log)))
    for i in pick(total, 1500 if full else 8):
        for lasting in (False, True) if full else (i % 2 == 0,):
            yield Shortage(name, i + 1, lasting)


def try_shortage(job, s):
    job.strike = s
    job.prepare()
    code, out, err = run(job, "FAULTALLOC_SO", {"FAULTALLOC": "%d:%d" % (s.n, 0 if s.lasting else 1)})
    # without memory the reader of tables, a child, gives up: the map is another one then
    distrusted = "is not trusted" in err and isinstance(job, (SaveResume, RestorePart))
    return code, err, complaints(job, code, out, err, {0, 1, 6} if distrusted else {0, 1})


# ---- all of it ----


def worker(args):
    world, number, todo, attempt = args
    jobs = {}
    results = []
    for what in todo:
        home = world.path("home%d" % number, what.name)
        job = jobs.setdefault(what.name, JOBS[what.name](world, home))
        try:
            results.append((what, *attempt(job, what)))
        except Exception as e:  # the judge itself must not end the sweep
            results.append((what, None, "", ["the judge stumbles: %r" % e]))
    return results


def main():
    what, depth, root = sys.argv[1:4]
    world = World(root)
    before = os.stat(world.source)
    full = depth == "full"
    plan, attempt = (strikes_of, try_strike) if what == "calls" else (shortages_of, try_shortage)
    todo = []
    possible = [j for j in JOBS if not j.endswith("-loop") or os.path.exists(world.path("loop-source-0"))]
    for name in sys.argv[4:] or [j for j in possible if full or j not in LONG]:
        todo += plan(name, JOBS[name](world, world.path("home0", name)), full)
    workers = os.cpu_count() or 1
    shares = [(world, k, todo[k::workers], attempt) for k in range(workers)]
    ends, wrong, seen = collections.Counter(), 0, collections.defaultdict(list)
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        for results in pool.map(worker, shares):
            for strike, code, err, found in results:
                ends[code] += 1
                for complaint in found:
                    seen[strike.name, getattr(strike, "role", ""), getattr(strike, "op", ""), complaint].append((strike, err))
                wrong += bool(found)
    for (_, _, _, complaint), cases in sorted(seen.items(), key=lambda c: str(c[0])):
        print("WRONG %s (and %d more): %s | %s" % (cases[0][0], len(cases) - 1, complaint, cases[0][1].strip()))
    after = os.stat(world.source)
    if (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
        sys.exit("FAILED: the source was written to")
    print("%d %s failed in turn; ends: %s" % (len(todo), "calls" if what == "calls" else "allocations",
          ", ".join("%s x %d" % (c, n) for c, n in sorted(ends.items(), key=str))))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
