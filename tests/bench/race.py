#!/usr/bin/env python3
"""Races `stepformer bench` against its peers, in turn in one run, and prints the ratios that count.

  race.py                                   # against PyTorch eager (torch_baseline.py, beside this file)
  race.py --program build/release/app/stepformer --rounds 5 --json race.json
  race.py --llama2c ~/llama2.c/run          # decoding too, on a llama2.c model of equal bytes a token made up here
  race.py --llama2c ~/llama2.c/run --llama2c-model stories15M.bin --llama2c-tokenizer tokenizer.bin
  race.py --no-torch                        # only ours and, when given, llama2.c

Each round runs every competitor once and takes the median of its runs; a figure is the median over the rounds, and in
brackets stands the best round, which says more on a machine that others use too and decides "met" (against products and
between threads of ours it is the best single run of both). PyTorch takes the faster of its two ways of running experts (a loop, as
DeepSeek's inference code has it, and one padded batched product). Debian's torch multiplies by whatever libblas.so.3
is, and only OpenBLAS is a fair peer (apt install python3-torch libopenblas0-openmp); a torch from PyPI brings MKL or
OpenBLAS along. Which library really was loaded is read from the process and printed.
Build llama2.c with -Ofast -march=native; it is run with one thread.
"""
import argparse
import glob
import json
import os
import random
import re
import statistics
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SLOW_BLAS_GFLOPS = 12  # the reference BLAS does a few, an optimised one tens


class Failed(Exception):
    """What went wrong, as a sentence for the user."""


def run(words, env=None, timeout=900):
    try:
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=timeout, errors="replace")
    except OSError as e:
        raise Failed(f"{words[0]}: cannot be run, {e.strerror}")
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]}: not finished after {timeout} s")
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Failed(f"{words[0]}: exit status {done.returncode}, {last}")
    return done


# ------------------------------------------------------------------------------------------------ ours

def run_ours(program, quick):
    out = run([program, "bench", "--json"] + (["--quick"] if quick else [])).stdout
    try:
        report = json.loads(out)
        figures = {(f["name"], f["threads"]): f for f in report["figures"]}
        return {"machine": report["machine"], "train1": figures["train 8x128", 1], "train2": figures["train 8x128", 2],
                "forward1": figures["forward 1x128", 1], "forward8": figures["forward 8x128", 1],
                "decode": figures["decode, 64 cached", 1]}
    except (ValueError, KeyError, TypeError) as e:
        raise Failed(f"{program} bench --json: not the report that race.py knows ({e!r})")


# ------------------------------------------------------------------------------------------------ PyTorch

PROBE = r"""
import json, torch
x = torch.randn(256, 256)
x @ x
names = {line.split()[-1] for line in open("/proc/self/maps")} if __import__("os").path.exists("/proc/self/maps") else set()
blas = sorted(n for n in names if "blas" in n.lower() or "mkl" in n.lower())
print(json.dumps({"torch": torch.__version__, "mkl": torch.backends.mkl.is_available(), "libraries": blas}))
"""


def torch_env(blas_dir):
    env = dict(os.environ)
    if blas_dir:
        env["LD_LIBRARY_PATH"] = blas_dir + os.pathsep + env.get("LD_LIBRARY_PATH", "")
    return env


def find_torch(a):
    """(python, blas_dir or "", what was loaded), or a sentence why there is none."""
    # this one first, then the system's, which has Debian's python3-torch
    pythons = [a.python] if a.python else list(dict.fromkeys([sys.executable, "/usr/bin/python3"]))
    folders = [a.blas_dir] if a.blas_dir else sorted(
        glob.glob("/usr/lib/*/openblas-openmp") + glob.glob("/usr/lib/*/openblas-pthread"))[:1]
    why = []
    for python in pythons:
        for folder in folders or [""]:
            try:
                about = json.loads(run([python, "-c", PROBE], torch_env(folder), 120).stdout.splitlines()[-1])
                return python, folder, about
            except (Failed, ValueError, IndexError) as e:
                why.append(str(e))
    raise Failed("no PyTorch: " + "; ".join(why) +
                 " (apt install python3-torch libopenblas0-openmp, or --python of a venv with torch)")


def run_torch(a, python, folder):
    """The best of both ways of running experts, by figure: {figure: ms}, and GFLOP/s of its BLAS."""
    best, gflops = {}, 0
    for moe in ("loop", "grouped"):
        with tempfile.TemporaryDirectory() as scratch:
            report_file = os.path.join(scratch, "torch.json")
            words = [python, os.path.join(HERE, "torch_baseline.py"), "--json", report_file, "--rounds", "1",
                     "--threads", "1,2", "--moe", moe, "--seconds", str(a.seconds)]
            words += ["--blas-dir", folder, "--no-system-blas"] if folder else []
            run(words)
            with open(report_file) as f:
                report = json.load(f)
        for cell in report["cells"]:
            t = cell["threads"]
            figures = {f"train{t}": cell["train_ms"], f"forward1_{t}": 128e3 / cell["prefill_b1_tok_s"],
                       f"forward8_{t}": 1024e3 / cell["prefill_b8_tok_s"], f"decode_{t}": 1e3 / cell["decode_tok_s"]}
            if t == 1:
                figures.update(train1_cpu=cell["train_cpu_ms"], forward1_cpu=cell["prefill_b1_cpu_ms"],
                               decode_cpu=cell["decode_cpu_ms"])
                gflops = max(gflops, cell["mm_1024x1024x1024_gflops"])
            for k, v in figures.items():
                best[k] = min(v, best.get(k, v))
    return best, gflops


# ------------------------------------------------------------------------------------------------ llama2.c

LLAMA_TOKENS = 256


def llama_bytes(dim, hidden, layers, heads, kv_heads, vocab, context):
    """fp32 bytes that one token reads: every weight once (of the embedding one row), and the cache."""
    kv_dim = dim * kv_heads // heads
    weights = layers * (2 * dim * dim + 2 * dim * kv_dim + 3 * dim * hidden) + vocab * dim
    return 4 * (weights + layers * context * 2 * kv_dim)


def read_llama_shape(path):
    try:
        with open(path, "rb") as f:
            head = f.read(28)
    except OSError as e:
        raise Failed(f"{path}: cannot be read, {e.strerror}")
    if len(head) < 28:
        raise Failed(f"{path}: too short for a llama2.c model")
    dim, hidden, layers, heads, kv_heads, vocab, seq = struct.unpack("<7i", head)
    if not (0 < dim < 1 << 20 and hidden > 0 and 0 < layers < 1000 and 0 < kv_heads <= heads and seq > 1):
        raise Failed(f"{path}: not a llama2.c model (version 0, float32)")
    return dim, hidden, layers, heads, kv_heads, abs(vocab), seq


def write_llama(folder, wanted):
    """A made-up model of about `wanted` bytes a token and a tokenizer for it. Its numbers do not matter for speed."""
    dim, layers, heads, vocab = 128, 4, 4, 512
    hidden = 16
    while llama_bytes(dim, hidden + 16, layers, heads, heads, vocab, LLAMA_TOKENS // 2) <= wanted:
        hidden += 16
    numbers = random.Random(1)

    def some(n, scale):
        return struct.pack(f"<{n}f", *(numbers.uniform(-scale, scale) for _ in range(n)))
    model, tokenizer = os.path.join(folder, "model.bin"), os.path.join(folder, "tokenizer.bin")
    head_size = dim // heads
    with open(model, "wb") as f:
        f.write(struct.pack("<7i", dim, hidden, layers, heads, heads, vocab, LLAMA_TOKENS))
        rows = [some(dim, 1) for _ in range(vocab)]
        rows[1] = struct.pack(f"<{dim}f", *([0.0] * dim))  # never the likeliest: token 1 would end the run
        f.write(b"".join(rows))
        f.write(struct.pack("<f", 1) * (layers * dim))                        # norm before attention
        f.write(some(layers * 4 * dim * dim, 0.1))                            # q, k, v, o
        f.write(struct.pack("<f", 1) * (layers * dim))                        # norm before the feed-forward
        f.write(some(layers * 3 * dim * hidden, 0.1))
        f.write(struct.pack("<f", 1) * dim)                                   # last norm
        f.write(struct.pack("<f", 0) * (LLAMA_TOKENS * head_size))            # RoPE tables that nobody reads
    with open(tokenizer, "wb") as f:
        f.write(struct.pack("<i", 6))
        for i in range(vocab):
            piece = b"t%03d" % i
            f.write(struct.pack("<fi", 0.0, len(piece)) + piece)
    return model, tokenizer


def run_llama(a, model, tokenizer):
    """ms a token, by the binary's own count."""
    words = [a.llama2c, model, "-t", "0", "-n", str(LLAMA_TOKENS), "-i", ""] + (["-z", tokenizer] if tokenizer else [])
    done = run(words, dict(os.environ, OMP_NUM_THREADS="1"))
    found = re.search(r"achieved tok/s:\s*([0-9.]+)", done.stderr + done.stdout)
    if not found or float(found.group(1)) <= 0:
        raise Failed(f"{a.llama2c}: says no \"achieved tok/s\", is it llama2.c's run?")
    return 1e3 / float(found.group(1))


# ------------------------------------------------------------------------------------------------ the race

def load_now():
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def busy(seconds=1.0):
    """Share of all cores that others keep busy while nothing of ours runs; None where nobody says."""
    import time

    def ticks():
        with open("/proc/stat") as f:
            t = [int(x) for x in f.readline().split()[1:9]]
        return sum(t), t[3] + t[4]
    try:
        total, idle = ticks()
        time.sleep(seconds)
        total2, idle2 = ticks()
        return 1 - (idle2 - idle) / max(1, total2 - total)
    except (OSError, ValueError, IndexError):
        return None


def spread(values):
    return {"median": statistics.median(values), "best": min(values)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default=os.path.join(ROOT, "build", "release", "app", "stepformer"),
                   help="the stepformer to race; build/release/app/stepformer")
    p.add_argument("--rounds", type=int, default=3, help="times that everyone runs; 3")
    p.add_argument("--quick", action="store_true", help="stepformer bench --quick: rough")
    p.add_argument("--seconds", type=float, default=1.0, help="time of a PyTorch figure in a round; 1")
    p.add_argument("--no-torch", action="store_true", help="not against PyTorch")
    p.add_argument("--python", help="the Python that has torch; this one, else /usr/bin/python3")
    p.add_argument("--blas-dir", help="folder whose libblas.so.3 torch uses; Debian's OpenBLAS when installed")
    p.add_argument("--llama2c", metavar="PATH", help="llama2.c's `run`")
    p.add_argument("--llama2c-model", metavar="FILE", help="its model; one of equal bytes a token is made up")
    p.add_argument("--llama2c-tokenizer", metavar="FILE", help="the model's tokenizer.bin")
    p.add_argument("--json", metavar="FILE", help="everything as JSON too; - for standard output alone")
    a = p.parse_args()
    if a.rounds < 1 or not 0 < a.seconds < 600:
        raise Failed("--rounds must be at least 1 and --seconds between 0 and 600")
    if (a.llama2c_model or a.llama2c_tokenizer) and not a.llama2c:
        raise Failed("--llama2c-model and --llama2c-tokenizer need --llama2c PATH")
    say = (lambda *words: print(*words, file=sys.stderr, flush=True)) if a.json == "-" else \
        (lambda *words: print(*words, flush=True))

    report = {"rounds": a.rounds, "load_before": load_now(), "others_busy": busy(), "notes": []}

    def note(text):
        report["notes"].append(text)
        say("note: " + text)
    if report["others_busy"] is not None and report["others_busy"] > 0.05:
        note(f"others keep {100 * report['others_busy']:.0f} % of this machine busy: read the best of the rounds")

    python = folder = None
    if not a.no_torch:
        try:
            python, folder, about = find_torch(a)
            report["torch"] = about
            loaded = ", ".join(about["libraries"]) or ("MKL, built in" if about["mkl"] else "none that shows")
            say(f"PyTorch {about['torch']} of {python}; BLAS: {loaded}")
        except Failed as e:
            note(f"{e}; its ratios are left out")

    ours, torch, llama, gflops = [], [], [], 0
    with tempfile.TemporaryDirectory() as scratch:
        model, tokenizer = a.llama2c_model, a.llama2c_tokenizer
        if model:
            read_llama_shape(model)
        for i in range(a.rounds):
            say(f"round {i + 1} of {a.rounds}")
            ours.append(run_ours(a.program, a.quick))
            if python:
                figures, speed = run_torch(a, python, folder)
                torch.append(figures)
                gflops = max(gflops, speed)
            if a.llama2c:
                if not model:
                    model, tokenizer = write_llama(scratch, ours[0]["decode"]["bytes_per_token"])
                llama.append(statistics.median(run_llama(a, model, tokenizer) for _ in range(3)))
        shape = read_llama_shape(model) if a.llama2c else None
    report["load_after"] = load_now()

    def own(figure, key="ms", best="best_ms"):
        return {"median": statistics.median(o[figure][key] for o in ours), "best": min(o[figure][best] for o in ours)}

    # A peer tells the median of a round: against it ours is the best of the rounds' medians too.
    def ours_of(figure, key="ms"):
        return own(figure, key, key)

    def peer(key):
        return spread([t[key] for t in torch])
    rows = []  # what, unit, ours, theirs (both {"median", "best"}), goal, stretch, is a smaller ratio better

    def ratio(what, their, our, goal, stretch, unit="ms", at_most=False):
        r = {k: their[k] / our[k] for k in ("median", "best")}
        rows.append({"what": what, "unit": unit, "ours": our, "theirs": their, "ratio": r, "goal": goal,
                     "stretch": stretch, "at_most": at_most})

    if torch:
        if gflops < SLOW_BLAS_GFLOPS:
            note(f"PyTorch multiplies at {gflops:.1f} GFLOP/s only, like the reference BLAS: no fair peer, "
                 "apt install libopenblas0-openmp")
        report["torch_gflops"] = gflops
        ratio("training step, 1 thread: PyTorch / ours", peer("train1"), ours_of("train1"), 1.8, 2.4)
        ratio("  the same in CPU time", peer("train1_cpu"), ours_of("train1", "cpu_ms"), 1.8, 2.4)
        best_of_both = spread([min(t["train1"], t["train2"]) for t in torch])
        ratio("training step, 2 threads: PyTorch / ours", best_of_both, ours_of("train2"), 2.5, 3.5)
        ratio("forward 1x128: PyTorch / ours", peer("forward1_1"), ours_of("forward1"), 2, 3)
        ratio("forward 8x128: PyTorch / ours", peer("forward8_1"), ours_of("forward8"), None, None)
        ratio("decode: PyTorch / ours", peer("decode_1"), ours_of("decode"), 12, None)
    for label, key in (("Eigen's", "eigen_products"), ("own kernel's", "own_products")):
        ratio(f"training step, 1 thread: ours / {label} streamed products", own("train1"),
              own("train1", key + "_ms", key + "_best_ms"), 1.10 if key == "eigen_products" else None, None,
              at_most=True)
    ratio("training step: own 1 thread / own 2 threads", own("train1"), own("train2"), 1.7, None)
    if llama:
        size = llama_bytes(*shape[:6], min(LLAMA_TOKENS, shape[6]) // 2)
        ours_size = ours[0]["decode"]["bytes_per_token"]
        report["llama2c"] = {"bytes_per_token": size, "ms": llama}
        if not 0.8 < size / ours_size < 1.25:
            note(f"the llama2.c model reads {size / 1e6:.2f} MB a token, ours {ours_size / 1e6:.2f}: not equal, "
                 "a race in different caches")
        speed = {k: ours_size / v * 1e-6 for k, v in ours_of("decode").items()}
        their = {k: size / v * 1e-6 for k, v in spread(llama).items()}
        ratio("decode, GB/s: ours / llama2.c", speed, their, 1.2, 1.4, "GB/s")
    report["rows"] = rows
    report["machine"] = {k: max(o["machine"][k] for o in ours) for k in ours[0]["machine"] if not k.startswith("load")}

    m = report["machine"]
    say(f"\nmachine: {m['fma_gflops']:.0f} GFLOP/s of multiply-adds, {m['fma_gflops_two_threads']:.0f} on two threads; "
        f"reading L2 {m['l2_gbs']:.0f}, L3 {m['l3_gbs']:.0f}, memory {m['memory_gbs']:.0f} GB/s"
        + (f"; load average {report['load_before']:.1f} before, {report['load_after']:.1f} after"
           if report["load_before"] is not None else ""))
    if torch:
        say(f"PyTorch's BLAS, 1024x1024x1024 on one thread: {gflops:.0f} GFLOP/s")
    say(f"\n{'':58s}{'median':>22s}  {'ratio':>6s} {'(best)':>8s}  goal  stretch")
    for r in rows:
        met = (r["ratio"]["best"] <= r["goal"] if r["at_most"] else r["ratio"]["best"] >= r["goal"]) if r["goal"] else None
        r["goal_met_by_best"] = met
        pair = f"{r['theirs']['median']:.4g} / {r['ours']['median']:.4g} {r['unit']}"
        goal = "" if r["goal"] is None else f"{'<=' if r['at_most'] else ''}{r['goal']:g}"
        say(f"{r['what']:58s}{pair:>22s}  {r['ratio']['median']:6.2f} {'(%.2f)' % r['ratio']['best']:>8s}  {goal:5s} "
            f"{r['stretch'] or '':<7} {'' if met is None else 'met' if met else 'not met'}")
    if a.json:
        text = json.dumps(report, indent=1)
        if a.json == "-":
            print(text)
        else:
            part = a.json + ".part"
            try:
                with open(part, "w") as f:
                    f.write(text + "\n")
                os.replace(part, a.json)
            except OSError as e:
                raise Failed(f"{a.json}: cannot be written, {e.strerror}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        print(f"race.py: {failure}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
