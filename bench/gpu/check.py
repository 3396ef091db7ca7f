#!/usr/bin/env python3
"""scripts/gpu_check [FOLDER] [--minutes 10] [--stages NAME,...]: see docs/gpu/README.md.

Each stage has its time, a stage that fails does not stop the others, and the report is written after each step. With a
FOLDER that has a report, stages that are run again replace what they found before.
"""
import argparse
import concurrent.futures
import datetime
import importlib.util
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import probe
from report import OURS, WORKLOADS, Report, trouble

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "gpu"
BENCH, TESTS = BUILD / "bench" / "duel_bench", BUILD / "tests" / "test_cuda"
TORCH = ROOT / "bench" / "gpu" / "torch_steps.py"

# In the order of their worth, with the seconds that each may take.
STAGES = {"probe": 40, "build": 270, "ceilings": 25, "tests": 70, "parity": 60, "ours": 130, "torch": 150,
          "sanitizer": 60, "compiled": 120}

# Of our own kernels, small enough for a tool that makes them some hundred times as slow.
SANITIZED = ["pointwise", "reduce", "norm", "group_norm", "softmax", "attention", "resample", "pool", "optim", "random",
             "copy", "epilogue", "spectral"]


# Of the first step's losses, of the first four's, of the mean over all: rounding grows about tenfold with each step,
# since Adam's first updates are the signs of the gradients (see docs/gpu/README.md).
PARITY_LIMITS = {"fp32": [1e-4, 0.03, 0.2], "tf32": [1e-2, 0.3, 0.2], "bf16": [5e-2, 1, 0.3]}


def apart(losses, others):
    """The greatest difference, relative to the other's size or 1; a loss that is not finite is None in JSON."""
    return max(math.inf if x is None or y is None else abs(x - y) / max(1, abs(y)) for x, y in zip(losses, others))


def distances(curve, other):
    """As PARITY_LIMITS."""
    first_four = max(map(apart, curve[:4], other[:4]))
    if any(x is None for step in [*curve, *other] for x in step):
        return [apart(curve[0], other[0]), first_four, math.inf]
    means = [[sum(step[i] for step in c) / len(c) for i in range(len(c[0]))] for c in (curve, other)]
    return [apart(curve[0], other[0]), first_four, apart(*means)]


class Failed(Exception):
    """Of a stage: what the report says of it."""


def run(command, seconds, **options):
    """Exit code and output of a program; it and its children are killed, with code None, when its time is over."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True, cwd=ROOT, **options)
    try:
        output, _ = process.communicate(timeout=max(seconds, 1))
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output


def last_lines(text, count=30):
    return "\n".join(text.strip().splitlines()[-count:])


class Check:
    def __init__(self, folder, report, end):
        self.folder, self.report, self.end = folder, report, end
        self.until = end  # of the stage

    def left(self, most=1e9):
        return min(self.until - time.monotonic(), most)

    def keep(self, name, text):
        """Of what failed, for who looks for the reason."""
        with open(os.path.join(self.folder, "failures.txt"), "a") as out:
            out.write(f"--- {name}\n{last_lines(text)}\n")

    def stage(self, name):
        start = time.monotonic()
        self.until = min(self.end, start + STAGES[name])
        if self.end - start < 5:
            return self.report.stage(name, "skipped", 0, "no time left")
        try:
            status, note = "passed", getattr(self, name)() or ""
        except Failed as e:
            status, note = "failed", str(e)
        except Exception as e:  # a mistake of this program's must not stop the others
            status, note = "failed", f"{type(e).__name__}: {e}"
        if status == "failed" and time.monotonic() >= self.until:
            status = "timed out"
        self.report.stage(name, status, time.monotonic() - start, note)
        print(f"{name}: {status} {note}", flush=True)

    def need(self, program):
        if not program.exists():
            raise Failed(f"{program.name} was not built")

    def probe(self):
        found = probe.toolkit()
        self.report.add("probe", probe.versions(found))
        if not found["nvcc"] or not found["cudnn_library"] or not found["cudnn_include"]:
            raise Failed(f"nvcc or cuDNN not found: {found}")
        text = probe.device_properties(found["cudnn_library"])
        with open(os.path.join(self.folder, "deviceprop.json"), "w") as out:
            out.write(text)
        return "cuDNN's description of the device is in deviceprop.json"

    def build(self):
        found = probe.toolkit()
        options = ["-DDUEL_CUDA=ON", "-DDUEL_BUILD_APPS=OFF", "-DDUEL_INSTALL=OFF", "-DDUEL_LIBZIP=OFF",
                   "-DCMAKE_CUDA_ARCHITECTURES=90-real", f"-DCMAKE_PREFIX_PATH={ROOT}/.gpu"]
        for option, key in (("CMAKE_CUDA_COMPILER", "nvcc"), ("CUDAToolkit_ROOT", "root"),
                            ("CUDNN_INCLUDE_DIR", "cudnn_include"), ("CUDNN_LIBRARY", "cudnn_library")):
            if found[key]:
                options.append(f"-D{option}={found[key]}")
        links = probe.short_names(found, str(ROOT / "build" / "gpu-libraries"))
        if links:
            options.append(f"-DCMAKE_LIBRARY_PATH={links}")
        generator = ["-G", "Ninja"] if probe.output_of("ninja", "--version") else []
        jobs = str(os.cpu_count())
        for command in (["cmake", *generator, "-S", ROOT, "-B", BUILD, *options],
                        ["cmake", "--build", BUILD, "-j", jobs, "--target", "duel_bench"],
                        ["cmake", "--build", BUILD, "-j", jobs, "--target", "test_cuda"]):
            code, output = run(command, self.left())
            if code != 0:
                self.keep("build", output)
                errors = [line for line in output.splitlines() if "error" in line.lower()]
                raise Failed(errors[0][:300] if errors else last_lines(output, 1)[:300])

    def ceilings(self):
        self.need(BENCH)
        out = self.temporary("ceilings.json")
        code, output = run([BENCH, "--device", "cuda", "--ceilings", "--json", out], self.left())
        if code != 0:
            raise Failed(last_lines(output, 2))
        self.report.add("ceilings", json.load(open(out))["results"])

    def temporary(self, name):
        path = BUILD / name
        path.unlink(missing_ok=True)
        return path

    def test_file(self, name):
        start = time.monotonic()
        # Timing plans for the hundreds of shapes in the tests would take minutes; one file does, for itself.
        plans = str(BUILD / "test_plans") if name == "products_test" else "off"
        code, output = run([TESTS, f"--source-file=*/{name}.cpp", "--no-colors=true"], self.left(60),
                           env={**os.environ, "DUEL_PLAN_CACHE": plans})
        counts = re.search(r"test cases: +\d+ \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped", output)
        passed, failed, skipped = map(int, counts.groups()) if counts else (0, 0, 0)
        if code != 0:
            self.keep(name, output)
            failed = failed or ("timed out" if code is None else "crashed")
        return {"file": name, "passed": passed, "failed": failed, "skipped": skipped,
                "seconds": round(time.monotonic() - start, 1)}

    def tests(self):
        self.need(TESTS)
        names = sorted(p.stem for p in (ROOT / "tests" / "cuda").glob("*_test.cpp"))
        rows = []
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for row in pool.map(self.test_file, names):
                rows.append(row)
                self.report.add("tests", rows)
        failed = [r["file"] for r in rows if r["failed"]]
        if failed:
            raise Failed("failed: " + ", ".join(failed))
        return f"{sum(r['passed'] for r in rows)} cases"

    def sanitize(self, job):
        tool, name = job
        start = time.monotonic()
        if self.left() < 3:
            return {"tool": tool, "file": name, "result": "no time left", "seconds": 0}
        code, output = run(["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", TESTS,
                            f"--source-file=*/{name}_test.cpp"], self.left())
        if code not in (0, None):
            self.keep(f"{tool} {name}", output)
        result = {0: "clean", None: "timed out", 9: "errors found"}.get(code, f"exit code {code}")
        return {"tool": tool, "file": name, "result": result, "seconds": round(time.monotonic() - start, 1)}

    def sanitizer(self):
        self.need(TESTS)
        if not probe.output_of("compute-sanitizer", "--version"):
            raise Failed("compute-sanitizer not found")
        rows, jobs = [], [(tool, name) for tool in ("memcheck", "racecheck") for name in SANITIZED]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for row in pool.map(self.sanitize, jobs):
                rows.append(row)
                self.report.add("sanitizer", rows)
        bad = [f"{r['tool']} {r['file']}" for r in rows if r["result"] not in ("clean", "timed out", "no time left")]
        if bad:
            raise Failed("not clean: " + ", ".join(bad))
        return f"{sum(r['result'] == 'clean' for r in rows)} of {len(rows)} clean, the others out of time"

    def duel_steps(self, words, seconds):
        """The first result of duel_bench on a device."""
        out = self.temporary("step.json")
        code, output = run([BENCH, *words, "--json", out], seconds)
        if code is None:
            return {"error": "timed out"}
        if not out.exists():
            return {"error": last_lines(output, 2) or f"exit code {code}"}
        return json.load(open(out))["results"][0]

    def ours(self):
        self.need(BENCH)
        rows = self.report.get("ours", {})
        captured_first = sorted(OURS, key=lambda way: way[1], reverse=True)
        for precision, capture in captured_first:
            for name in WORKLOADS:
                if self.left() < 5:
                    raise Failed("not all steps were timed")
                rows[f"{name}={precision},{capture}"] = self.duel_steps(
                    ["--device", "cuda", "--precision", precision, "--capture", capture, "--seconds", "1.5", name],
                    self.left(40))
                self.report.add("ours", rows)
        bad = [k for k, r in rows.items() if trouble(r)]
        if bad:
            raise Failed(f"{len(bad)} of {len(rows)}: {bad[0]}: {trouble(rows[bad[0]])} ...")

    def torch_steps(self, variants, seconds_each):
        """Restarted behind a step that kills it or takes too long."""
        if not importlib.util.find_spec("torch"):
            raise Failed("PyTorch not found")
        rows = self.report.get("torch", {})
        specs = [f"{name}={variant}" for variant in variants for name in WORKLOADS]
        while specs:
            if self.left() < 5:
                raise Failed("not all steps were timed")
            process = subprocess.Popen([sys.executable, str(TORCH), "--seconds", "1.5", *specs], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, start_new_session=True, cwd=ROOT)
            with concurrent.futures.ThreadPoolExecutor(1) as reader:
                while specs:
                    line = reader.submit(process.stdout.readline)
                    try:
                        text = line.result(timeout=max(1, self.left(seconds_each)))
                    except concurrent.futures.TimeoutError:
                        os.killpg(process.pid, signal.SIGKILL)
                        rows[specs.pop(0)] = {"error": "timed out"}
                        break
                    if not text:
                        rows[specs.pop(0)] = {"error": "the process ended"}
                        break
                    row = json.loads(text)
                    if "spec" in row:
                        rows[row["spec"]] = row
                        specs.remove(row["spec"])
                    self.report.add("torch", rows)
            process.kill()
            process.wait()
            self.report.add("torch", rows)
        unknown = [k for k, r in rows.items() if "error" in r]
        return f"{len(unknown)} of {len(rows)} gave no result: {unknown[0]} ..." if unknown else ""

    def torch(self):
        return self.torch_steps(["eager", "graph", "bf16", "graph_tf32"], 40)

    def compiled(self):
        return self.torch_steps(["compiled", "compiled_graph"], 60)

    def parity(self):
        self.need(BENCH)
        workload, steps = "dcgan-64:32", 20
        start = self.temporary("start.safetensors")
        first = ["--steps", str(steps), "--seconds", "0", workload]
        found = {"duel CPU": self.duel_steps(["--device", "cpu", "--export", start, *first], self.left())}
        for precision, capture in (("fp32", "off"), ("fp32", "on"), ("tf32", "on"), ("bf16", "off"), ("bf16", "on")):
            name = f"duel {precision} {'captured' if capture == 'on' else 'eager'}"
            found[name] = self.duel_steps(["--device", "cuda", "--precision", precision, "--capture", capture, *first],
                                          self.left(30))
        for precision in ("fp32", "bf16"):
            code, output = run([sys.executable, TORCH, "--losses", workload, "--start", start, "--steps", str(steps),
                                "--precision", precision], self.left(40), env={**os.environ, "PYTHONWARNINGS": "ignore"})
            line = last_lines(output, 1)
            found[f"PyTorch {precision}"] = json.loads(line) if code == 0 and line.startswith("{") else {"error": line}
        return self.compare(workload, steps, found)

    def compare(self, workload, steps, found):
        curves = {name: row["losses"] for name, row in found.items() if "losses" in row}
        rows = [{"name": n, "differences": [], "limits": [], "verdict": f["error"][:200]} for n, f in found.items()
                if "losses" not in f]
        if "duel CPU" not in curves:
            raise Failed(f"the CPU's steps failed: {found['duel CPU'].get('error')}")
        reference = curves["duel CPU"]
        for name, curve in curves.items():
            if curve is not reference:
                limits = PARITY_LIMITS[name.split()[1]]
                differences = distances(curve, reference)
                well = all(d <= limit for d, limit in zip(differences, limits))
                rows.append({"name": name, "differences": differences, "limits": limits,
                             "verdict": "within" if well else "TOO FAR"})
        for precision in ("fp32", "bf16"):
            pair = [curves.get(f"duel {precision} {how}") for how in ("captured", "eager")]
            if all(pair):
                rows.append({"name": f"captured = eager, {precision}", "differences": distances(*pair),
                             "limits": [0, 0, 0], "verdict": "within" if pair[0] == pair[1] else "TOO FAR"})
        self.report.add("parity", {"workload": workload, "steps": steps, "rows": rows, "curves": curves})
        bad = [r["name"] for r in rows if r["verdict"] != "within"]
        if bad:
            raise Failed("apart or failed: " + ", ".join(bad))


def main():
    parser = argparse.ArgumentParser(prog="scripts/gpu_check", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", metavar="FOLDER")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--stages", default=",".join(STAGES), help="some of " + ", ".join(STAGES))
    arguments = parser.parse_args()
    stages = arguments.stages.split(",")
    unknown = [s for s in stages if s not in STAGES]
    if unknown:
        parser.error(f"there is no stage {unknown[0]}; there are {', '.join(STAGES)}")
    device = probe.gpu().get("gpu")
    date = datetime.date.today().isoformat()
    slug = re.sub(r"[^a-z0-9]+", "-", (device or "no gpu").lower()).strip("-")
    folder = os.path.abspath(arguments.folder or ROOT / "docs" / "gpu" / f"{date}-{slug}")
    report = Report(folder, f"{device or 'No GPU'}, {date}")
    if not device:
        for name in stages:
            if name not in report.data["stages"]:  # by an earlier check, elsewhere
                report.stage(name, "skipped", 0, "no GPU")
        print(f"gpu_check: no GPU: nvidia-smi finds none; {folder}/report.md says what was left out", file=sys.stderr)
        return 1
    check = Check(folder, report, time.monotonic() + 60 * arguments.minutes - 10)
    for name in stages:
        check.stage(name)
    print(f"{folder}/report.md")
    return 0 if all(report.data["stages"][s]["status"] == "passed" for s in stages) else 1


if __name__ == "__main__":
    sys.exit(main())
