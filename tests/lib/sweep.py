#!/usr/bin/env python3
# sweep.py - makes every call and every allocation of salvor fail in turn, and judges each end by what must always hold
# SPDX-License-Identifier: GPL-3.0-or-later
"""
sweep.py calls|allocs short|full DIR [NAME...]

DIR holds what faults.sh made: source (a disk), used (its ranges that are read), image/ and image-xz/
(complete images), started/ (an interrupted one, as NAME.part), rescued/ (an interrupted rescue). For
each job (all, or those named) one undisturbed run tells which calls there are, and from which place
each comes: the calls that led there, up to main() or the start of the thread. A full sweep makes every
place fail in each plausible way, where it is passed several times the first, the second, the last and
some between (SWEEP_CALLS and SWEEP_ALLOCATIONS in all). What a job has in common with one before,
down to the whole way to the call, is only sampled again. Whatever happens:

  - no signal, no hang; 0 or an exit code that fits what failed
  - one sentence on stderr that names what it is about, none after a success
  - success only when everything is there and right; no image under its final name unless whole, and
    what is left of one can be continued; no table on a target half written; the source as it was
  - what a rescue calls read is read, and the same command without a fault completes it
"""
import collections
import concurrent.futures
import errno
import fcntl
import glob
import hashlib
import lzma
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time

MIB = 1 << 20
LIMIT = 60  # seconds without any CPU time, or of CPU time; a run takes a fraction of one
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
        if got[start:end] == filler * (end - start):
            continue
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
        """role -> part of the paths that belong to it"""
        return {}

    def all_roles(self):
        """the same with "system": what belongs to none, and does not lie in DIR"""
        return {**self.roles(), "system": "!" + "!".join([self.world.root, *self.roles().values()])}

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
        again = subprocess.run([SALVOR, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
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
        """named at least, from whatever can be read of it; a folder one may not look into is passed over"""
        return out == "No images here.\n" or "\none " in out


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
        if not hasattr(self, "before"):
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


GUARDS = "/run/salvor/"
READ_AHEAD = 128  # KiB


def read_ahead_of(device):
    return "/sys/block/%s/queue/read_ahead_kb" % os.path.basename(device)


def clear_guard(device):
    """whatever the run before left"""
    with open(device, "rb") as f:
        fcntl.ioctl(f, 0x125D, bytes(4))  # BLKROSET: off
    with open(read_ahead_of(device), "w") as f:
        f.write("%d\n" % READ_AHEAD)


def guard_left(job):
    """what is still there of the guard of job.device, after another start"""
    # what could not be put back is put back by the next start
    subprocess.run([SALVOR, "show", job.world.image], stdout=subprocess.DEVNULL, check=True)
    name = os.path.basename(job.device)
    left = glob.glob(GUARDS + "ro/%s.*" % name) + glob.glob(GUARDS + "manners/" + name)
    flag = bytearray(4)
    with open(job.device, "rb") as f:
        fcntl.ioctl(f, 0x125E, flag)  # BLKROGET
    ahead = int(open(read_ahead_of(job.device)).read())
    if left or flag[0] or ahead != READ_AHEAD:
        return ["the guard is still there: flag %d, reads ahead %d, records %s" % (flag[0], ahead, left)]
    return []


# without /sys and /proc a disk is not found, or not known to be the one that was meant
NO_DISK = {1, 5, 6}


class SaveLoop(SaveUnverified):
    """from a device, under its guard: the kernel's read-only flag, noted under /run/salvor/ro"""

    codes = {"source": {9}, "store": {8}, "guard": set(), "system": NO_DISK | {9}}
    def prepare(self):
        super().prepare()
        self.device = loop_of(self, "source")
        clear_guard(self.device)

    def argv(self):
        return ["save", self.device, *super().argv()[2:]]

    def roles(self):
        return {**super().roles(), "source": loop_of(self, "source"), "guard": GUARDS}

    def judge(self, code, out):
        return guard_left(self) + super().judge(code, out)


class RestoreLoop(Restore):
    codes = {"store": {8}, "target": {10}, "system": NO_DISK | {10}}

    def prepare(self):
        os.makedirs(self.home, exist_ok=True)
        self.target = loop_of(self, "target")
        if not hasattr(self, "before"):
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
    codes = {"source": {9}, "target": {10}, "guard": set(), "system": NO_DISK | {9, 10}}

    def prepare(self):
        super().prepare()
        self.device = loop_of(self, "source")
        clear_guard(self.device)

    def argv(self):
        return ["clone", self.device, self.target, "--confirm-erase", str(len(self.world.disk))]

    def roles(self):
        return {"source": loop_of(self, "source"), "target": loop_of(self, "target"), "guard": GUARDS}

    def judge(self, code, out):
        return guard_left(self) + super().judge(code, out)


class Rescue(Job):
    """onto a file that is made"""

    codes = {"source": {9}, "target": {10}, "store": {8}, "system": {1}}
    options = []

    def prepare(self):
        os.makedirs(self.home, exist_ok=True)
        self.target = os.path.join(self.home, "copy")
        self.books = os.path.join(self.home, "books")
        self.map = os.path.join(self.books, "map")
        shutil.rmtree(self.books, ignore_errors=True)
        os.mkdir(self.books)
        self.prepare_target()

    def prepare_target(self):
        if os.path.exists(self.target):
            os.unlink(self.target)

    def source(self):
        return self.world.source

    def confirm(self):
        """a copy is named by its size, also one that was only begun"""
        if not os.path.exists(self.target):
            return []
        device = self.target.startswith("/dev/")
        return ["--confirm-erase", str(len(self.world.disk) if device else os.path.getsize(self.target))]

    def argv(self):
        # a disk that is gone comes back to nobody here
        return ["rescue", self.source(), self.target, self.map, "--wait", "0", *self.options, *self.confirm()]

    def roles(self):
        return {"source": self.source(), "target": self.target, "store": self.books}

    def wrong(self):
        """what the map says that is not so, and how much it calls read"""
        if not os.path.exists(self.map):
            return [], 0
        lines = [line.split() for line in open(self.map) if not line.startswith("#")]
        read = [(int(a, 0), int(n, 0)) for a, n, status in lines[1:] if status == "+"]
        if not read:
            return [], 0
        with open(self.target, "rb") as f:
            got = f.read(len(self.world.disk))
        found = [a for a, n in read if got[a : a + n] != self.world.disk[a : a + n]]
        return ["called read, but differs: from %d on" % found[0]] if found else [], sum(n for _, n in read)

    def complete(self):
        wrong, read = self.wrong()
        return wrong or ([] if read == len(self.world.disk) else ["only %d bytes are called read" % read])

    def judge(self, code, out):
        wrong, read = self.wrong()
        if wrong:
            return wrong
        if (code == 0) != (read == len(self.world.disk)) and code in (0, 3):
            return ["it ends with %d, and %d bytes are called read" % (code, read)]
        argv = [SALVOR, "rescue", self.source(), self.target, self.map, "--retries", "1", *self.confirm()]
        again = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if again.returncode:
            return ["it cannot be completed: %d %s" % (again.returncode, again.stderr.strip())]
        return ["completed, but " + c for c in self.complete()]


class RescueOver(Rescue):
    """over a file full of other things"""

    # refused when it is of another size from one look to the next
    codes = {**Rescue.codes, "target": {6, 10}}

    def prepare_target(self):
        with open(self.target, "wb") as f:
            f.write(POISON * len(self.world.disk))


class RescueResume(Rescue):
    """on with one that was interrupted, and the map is saved after each read"""

    codes = RescueOver.codes
    options = ["--save-every", "0", "--passes", "copy"]

    def prepare_target(self):
        begun = self.world.path("rescued")
        shutil.copyfile(os.path.join(begun, "copy"), self.target)
        shutil.copyfile(os.path.join(begun, "books", "map"), self.map)
        with open(os.path.join(begun, "books", "map.salvor.json")) as old, open(self.map + ".salvor.json", "w") as new:
            new.write(old.read().replace(os.path.join(begun, "copy"), self.target))


class RescueLoop(Rescue):
    codes = {"source": {9}, "target": {10}, "store": {8}, "guard": set(), "system": NO_DISK | {9, 10}}

    def prepare_target(self):
        self.target = loop_of(self, "target")
        self.device = loop_of(self, "source")
        clear_guard(self.device)
        with open(self.target, "r+b") as f:
            f.write(POISON * len(self.world.disk))

    def source(self):
        return loop_of(self, "source")

    def roles(self):
        return {**super().roles(), "guard": GUARDS}

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
    "rescue": Rescue,
    "rescue-over": RescueOver,
    "rescue-resume": RescueResume,
    "rescue-loop": RescueLoop,
}

# what a short sweep leaves to the full one
LONG = ("save-unverified", "save-xz", "show", "show-json", "verify-xz", "verify-against", "restore-unverified", "restore-new",
        "rescue-over", "rescue-resume", "rescue-loop")

# ---- running ----


def cpu_seconds(pid):
    """what a busy machine has left to it"""
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def run(job, preload, env):
    """(exit code, stdout, stderr); the code is None after a hang"""
    env = {**os.environ, **env, "LD_PRELOAD": os.environ[preload]}
    argv = [SALVOR, *job.argv(), *(["--threads", "1"] if job.argv()[0] in ("save", "verify", "restore", "clone") else [])]
    proc = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    used = -1
    while True:
        try:
            out, err = proc.communicate(timeout=LIMIT)
            return proc.returncode, out.decode(errors="replace"), err.decode(errors="replace")
        except subprocess.TimeoutExpired:
            before, used = used, cpu_seconds(proc.pid)
            if used == before or used > LIMIT:
                proc.kill()
                proc.communicate()
                return None, "", ""


def sentences(err):
    """but for what is said on the way: a rescue also tells which files it misses"""
    return [line for line in err.splitlines()
            if not line.startswith(("salvor: warning: ", "salvor: continuing at ", "salvor: unreadable: "))
            and not re.match(r"salvor: \d+ files? w(as|ere) hit, ", line)]


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
    """one call that is made to fail: the n-th from a place"""

    def __init__(self, name, role, op, place, n, way):
        self.name, self.role, self.op, self.place, self.n, self.way = name, role, op, place, n, way

    def __str__(self):
        return "%s: %s %s %s %d %s" % (self.name, self.role, self.op, self.place, self.n, self.way)

    def env(self, job):
        word = self.way.rstrip("+")
        what = word if len(word) == 1 else str(getattr(errno, word))
        count = 0 if self.way[-1] == "+" else 1
        path = job.all_roles()[self.role]
        return {"FAULTIO": "%s:%s:0:0:%s:%d:%d:%s" % (path, self.op, what, self.n, count, self.place)}

    def fitting(self, job, err):
        word = self.way.rstrip("+")
        codes = {0} | job.codes.get(self.role, {1})
        # the reader of tables is a child; when it fails the table is not trusted
        if self.role == "system" and isinstance(job, (SaveResume, RestorePart)):
            codes |= {6}
        # metadata that cannot be read makes another map, and a save is not continued with another map
        if self.role == "source" and isinstance(job, SaveResume):
            codes |= {6}
        if isinstance(job, (Save, Rescue)) and self.role == "store" and word in FULL:
            # opening something that is there needs no room: nothing that a kernel would say
            codes = {0, 7, 8} if self.op == "o" else {0, 7}
        # a place that cannot be read, or that ends early, is damage, and that is for verify to find
        if self.role == "store" and self.op in "rS" and word in ("EIO", "Z") and not isinstance(job, Rescue):
            codes |= {4}
        if self.role == "store" and self.op in "oS" and word == "EIO" and not isinstance(job, Rescue):
            codes |= {4}
        # a target that cannot be recognised is refused before anything is written to it
        if self.role == "target" and self.op in "rSio" and isinstance(job, (RestorePart, RestoreLoop, Clone)):
            codes |= {5, 6}
        # a map that ends early is none
        if self.role == "store" and self.op in "rS" and word == "Z" and isinstance(job, RescueResume):
            codes |= {6}
        if self.role == "source" and self.op == "r" and isinstance(job, Rescue):
            codes |= {3}
        if self.op == "l" and word == "EAGAIN" and self.role in ("store", "target"):
            codes = {0, 11}
        return codes


def pick(n, most):
    """at most `most` of n: the first, the last, the second, and evenly between"""
    if n <= most:
        return list(range(n))
    if most < 3:
        return [0, n - 1][:most]
    return sorted({0, *(1 + round(i * (n - 2) / (most - 2)) for i in range(most - 1))})


def undisturbed(job, preload, log, env):
    """the lines of the log of a run without faults"""
    if os.path.exists(log):
        os.unlink(log)
    job.prepare()
    code, out, err = run(job, preload, env)
    wrong = complaints(job, code, out, err, {0})
    if wrong:
        sys.exit("FAILED undisturbed: %s: %s\n%s" % (job.argv(), wrong, err))
    with open(log, errors="replace") as f:
        return f.read().splitlines()


def role_of(job, path):
    for role, part in job.roles().items():
        if part in path:
            return role
    return None if job.world.root in path else "system"


def calls_of(job):
    """(role, op, place) of each call of an undisturbed run"""
    log = os.path.join(job.home, "log")
    calls = []
    for line in undisturbed(job, "FAULTIO_SO", log, {"FAULTIO_LOG": log, "FAULTIO_PLACES": "1"}):
        op, _, _, path = line.split(" ", 3)
        role = role_of(job, path)
        if role:
            calls.append((role, *op.split(":")))
    return calls


def strikes_of(name, job, full, known):
    """`known`: places that a job before has dealt with, which get a sample"""
    calls = calls_of(job)
    if not full:
        yield from sample(name, calls)
        return
    most = int(os.environ.get("SWEEP_CALLS", 4))
    for k, (call, n) in enumerate(sorted(collections.Counter(calls).items())):
        ways = WAYS[call[1]]
        if call in known:
            yield Strike(name, *call, k % n, ways[k % len(ways)])
            continue
        known.add(call)
        for i in pick(n, most):
            for way in ways:
                yield Strike(name, *call, i, way)


def sample(name, calls):
    """of each kind of call one, in the middle, in one way, or two where it moves data"""
    for kind in sorted({call[:2] for call in calls}):
        if kind[0] == "system" and name.endswith("-loop"):
            continue  # /sys and /proc are for the full sweep
        these = [call for call in calls if call[:2] == kind]
        middle = these[len(these) // 2]
        for way in WAYS[kind[1]][1:3] if kind[1] in "rw" else WAYS[kind[1]][:1]:
            yield Strike(name, *middle, these[: len(these) // 2].count(middle), way)


# ---- allocations ----


class Shortage:
    """one allocation that fails: the n-th from a place"""

    role = op = way = "-"

    def __init__(self, name, place, n, lasting):
        self.name, self.place, self.n, self.lasting = name, place, n, lasting

    def __str__(self):
        return "%s: allocation %s %d%s" % (self.name, self.place, self.n, "+" if self.lasting else "")

    def env(self, job):
        return {"FAULTALLOC": "%d:%d:%s" % (self.n + 1, 0 if self.lasting else 1, self.place)}

    def fitting(self, job, err):
        # without memory the reader of tables, a child, gives up: the map is another one then
        distrusted = "is not trusted" in err and isinstance(job, (SaveResume, RestorePart))
        return {0, 1, 6} if distrusted else {0, 1}


def shortages_of(name, job, full, known):
    log = os.path.join(job.home, "alloc-log")
    places = undisturbed(job, "FAULTALLOC_SO", log, {"FAULTALLOC_LOG": log})
    if not full:
        for k, i in enumerate(pick(len(places), 8)):
            yield Shortage(name, places[i], places[:i].count(places[i]), k % 2 == 0)
        return
    most = int(os.environ.get("SWEEP_ALLOCATIONS", 2))
    for k, (place, n) in enumerate(sorted(collections.Counter(places).items())):
        if place in known:
            yield Shortage(name, place, k % n, k % 2 == 0)
            continue
        known.add(place)
        for i in pick(n, most):
            for lasting in (False, True):
                yield Shortage(name, place, i, lasting)


# ---- all of it ----


PRELOAD = {"calls": "FAULTIO_SO", "allocs": "FAULTALLOC_SO"}


def attempt(what, job, strike):
    """(exit code, stderr, complaints, was anything struck at all)"""
    job.strike = strike
    job.prepare()
    struck = os.path.join(job.home, "struck")
    if os.path.exists(struck):
        os.unlink(struck)
    code, out, err = run(job, PRELOAD[what], {**strike.env(job), "FAULT_STRUCK": struck})
    return code, err, complaints(job, code, out, err, strike.fitting(job, err)), os.path.exists(struck)


CHUNK = 20  # strikes that a worker takes at once


def take_number(numbers):
    """each worker has files and devices of its own"""
    global number
    number = numbers.get()


def worker(args):
    world, name, todo, what = args
    job = JOBS[name](world, world.path("home%d" % number, name))
    results = []
    for strike in todo:
        try:
            results.append((strike, *attempt(what, job, strike)))
        except Exception as e:  # the judge itself must not end the sweep
            results.append((strike, None, "", ["the judge stumbles: %r" % e], True))
    return results


def report(results, seen):
    """`seen`: how often each complaint was heard; the first time it is told at once"""
    for strike, code, err, found, struck in results:
        for complaint in found:
            seen[strike.role, strike.op, complaint] += 1
            if seen[strike.role, strike.op, complaint] == 1:
                print("WRONG %s: %s | %s" % (strike, complaint, err.strip()), flush=True)


def tell(name, what, results, seen, began):
    """one line about a job; how many were wrong"""
    ends = collections.Counter(r[1] for r in results)
    missed = [r[0] for r in results if not r[4]]
    for strike in missed:
        print("not reached: %s" % strike)
    for (role, op, complaint), n in seen.items():
        if n > 1:
            print("%d x WRONG %s %s: %s" % (n, role, op, complaint))
    print("%s: %d %s from %d places failed in turn in %d s, %d not reached; ends: %s" % (
        name, len(results), what, len({(s.role, s.op, s.place) for s, *_ in results}), time.monotonic() - began,
        len(missed), ", ".join("%s x %d" % (c, n) for c, n in sorted(ends.items(), key=str))), flush=True)
    return sum(bool(r[3]) for r in results)


def main():
    what, depth, root = sys.argv[1:4]
    world = World(root)
    before = os.stat(world.source)
    full = depth == "full"
    plan = strikes_of if what == "calls" else shortages_of
    wrong = total = 0
    known = set()
    possible = [j for j in JOBS if not j.endswith("-loop") or os.path.exists(world.path("loop-source-0"))]
    workers = os.cpu_count() or 1
    numbers = multiprocessing.Queue()
    for k in range(workers):
        numbers.put(k)
    with concurrent.futures.ProcessPoolExecutor(workers, initializer=take_number, initargs=(numbers,)) as pool:
        for name in sys.argv[4:] or [j for j in possible if full or j not in LONG]:
            began = time.monotonic()
            todo = list(plan(name, JOBS[name](world, world.path("home0", name)), full, known))
            results, seen = [], collections.Counter()
            for some in pool.map(worker, [(world, name, todo[k : k + CHUNK], what) for k in range(0, len(todo), CHUNK)]):
                report(some, seen)
                results += some
            wrong += tell(name, what, results, seen, began)
            total += len(results)
    after = os.stat(world.source)
    if (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
        sys.exit("FAILED: the source was written to")
    print("%d %s failed in turn, %d ended wrong" % (total, what, wrong))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
