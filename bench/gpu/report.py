"""The report: report.json holds what the stages found, report.md shows it. Both are written anew whenever something is
added, so that an interrupted check keeps what it has."""
import json
import math
import os

from floors import FLOORS_MS

TORCH_VARIANTS = ["eager", "bf16", "graph_tf32", "graph", "compiled", "compiled_graph"]
OURS = [("tf32", "off"), ("tf32", "on"), ("bf16", "off"), ("bf16", "on")]


def number(value, digits=3):
    """With about so many digits; from 100 on with commas."""
    if value is None:
        return ""
    if math.isinf(value):
        return "not finite"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


class Report:
    def __init__(self, folder, title):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, "report.json")
        self.data = {"title": title, "stages": {}, "results": {}}
        if os.path.exists(self.path):  # stages that are run again replace their results
            with open(self.path) as earlier:
                self.data = json.load(earlier)

    def stage(self, name, status, seconds, note=""):
        """`status`: passed, failed, timed out, or skipped."""
        self.data["stages"][name] = {"status": status, "seconds": round(seconds, 1), "note": note}
        self.write()

    def add(self, name, value):
        self.data["results"][name] = value
        self.write()

    def get(self, name, default=None):
        return self.data["results"].get(name, default)

    def write(self):
        for path, text in ((self.path, json.dumps(self.data, indent=1) + "\n"),
                           (os.path.join(self.folder, "report.md"), self.markdown())):
            with open(path + ".new", "w") as out:
                out.write(text)
            os.replace(path + ".new", path)

    def markdown(self):
        lines = [f"# {self.data['title']}", ""]
        stages = self.data["stages"]
        lines += table(["stage", "result", "seconds", ""],
                       [[n, s["status"], s["seconds"], s["note"]] for n, s in stages.items()])
        for section in (machine, tests, parity, benchmark, details, sanitizer):
            found = section(self)
            if found:
                lines += ["", *found]
        return "\n".join(lines) + "\n"


def machine(report):
    probe, ceilings = report.get("probe"), report.get("ceilings")
    lines = ["## The machine", ""] if probe or ceilings else []
    if probe:
        lines += table(["", ""], [[k, v] for k, v in probe.items()])
    if ceilings:
        lines += ["", "What large products and a large copy reach:", ""]
        lines += table(["", "measured", "supposed for the floors"],
                       [[c["name"], f"{number(c['value'])} {c['unit']}", SUPPOSED.get(c["name"], "")] for c in ceilings])
    return lines


SUPPOSED = {"bf16": "790 TFLOP/s", "tf32": "395 TFLOP/s", "fp32": "55 TFLOP/s", "copy": "4.3 TB/s"}


def tests(report):
    rows = report.get("tests")
    if not rows:
        return []
    return ["## Tests on the device", "", "Kernels beside their twins on the CPU in float64.", ""] + table(
        ["file", "passed", "failed", "skipped", "seconds"],
        [[r["file"], r["passed"], r["failed"], r["skipped"], r["seconds"]] for r in rows])


def sanitizer(report):
    rows = report.get("sanitizer")
    if not rows:
        return []
    return ["## compute-sanitizer", ""] + table(["tool", "file", "result", "seconds"],
                                                [[r["tool"], r["file"], r["result"], r["seconds"]] for r in rows])


def parity(report):
    found = report.get("parity")
    if not found:
        return []
    lines = ["## Training parity", "",
             f"{found['workload']}, {found['steps']} steps from one initialisation on the same batches: how far losses are "
             "from those of ours on the CPU, relative to their size or 1.", ""]
    listed = lambda values: ", ".join(number(v) or "0" for v in values)
    lines += table(["", "first step, first four, mean of all", "limits", ""],
                   [[r["name"], listed(r["differences"]), listed(r["limits"]), r["verdict"]] for r in found["rows"]])
    curves = found["curves"]
    lines += ["", "Losses (discriminator, generator):", ""]
    lines += table(["step", *curves], [[i, *(", ".join(number(x, 5) for x in c[i]) for c in curves.values())]
                                       for i in range(0, found["steps"], 4)])
    return lines


def best(rows, key="ms"):
    timed = [r for r in rows if r and key in r]
    return min(timed, key=lambda r: r[key]) if timed else None


def benchmark(report):
    """Our fastest of each workload beside PyTorch's fastest."""
    ours, theirs = report.get("ours", {}), report.get("torch", {})
    rows = []
    for name in WORKLOADS:
        mine = best([ours.get(f"{name}={p},{c}") for p, c in OURS])
        other = best([theirs.get(f"{name}={v}") for v in TORCH_VARIANTS])
        if not mine and not other:
            continue
        eager = theirs.get(f"{name}=eager", {}).get("ms")
        floor = FLOORS_MS.get(name, {}).get(mine["precision"] if mine else "bf16")
        ms = mine["ms"] if mine else None
        rows.append([name, number(ms), mine and f"{mine['precision']}, {'captured' if mine['capture'] == 'on' else 'eager'}" or "",
                     number(mine["images_per_second"]) if mine else "", number(floor),
                     f"{100 * floor / ms:.0f}%" if floor and ms else "",
                     number(other["ms"]) if other else "", other["variant"] if other else "",
                     f"**{other['ms'] / ms:.2f}**" if other and ms else "", f"{eager / ms:.2f}" if eager and ms else "",
                     number(mine["peak_bytes"] / 1e6) if mine else "",
                     number(other["peak_bytes"] / 1e6) if other and "peak_bytes" in other else ""])
    if not rows:
        return []
    return ["## Training steps", "",
            "Our fastest beside PyTorch's fastest; medians over groups of steps between two waits for the device, on "
            "batches that lie there. Floors: bench/gpu/floors.py. A ratio above 1 means that duel is faster.", ""] + table(
        ["step:batch", "ms", "", "images/s", "floor ms", "of floor", "PyTorch ms", "", "ratio", "to eager", "MB",
         "PyTorch MB"], rows)


def trouble(row):
    """What is wrong with one way of doing a step, in one line; "" if nothing is."""
    if "error" in row:
        return " ".join(row["error"].split())
    if "not_recorded" in row:
        return "not recorded: " + " ".join(row["not_recorded"].split())
    return f"cuDNN has no plan for {row['without_plan']} convolutions" if "without_plan" in row else ""


def details(report):
    """Every way of each workload, ours and PyTorch's."""
    ours, theirs = report.get("ours", {}), report.get("torch", {})

    def cell(row):
        if not row:
            return ""
        if "error" in row:
            return "failed"
        return number(row["ms"]) + (" (not recorded)" if "not_recorded" in row else "")

    lines = []
    for title, found, columns in (("duel, ms", ours, [f"{p},{c}" for p, c in OURS]),
                                  ("PyTorch, ms", theirs, TORCH_VARIANTS)):
        names = [n for n in WORKLOADS if any(k.startswith(n + "=") for k in found)]
        if names:
            headings = [c.replace(",off", ", eager").replace(",on", ", captured") for c in columns]
            lines += [f"### {title}", ""] + table(["step:batch", *headings],
                                                  [[n, *(cell(found.get(f"{n}={c}")) for c in columns)] for n in names])
            reasons = {}
            for way, row in found.items():
                if trouble(row):
                    reasons.setdefault(trouble(row), []).append(way)
            lines += [""] + [f"- {', '.join(ways[:3])}{' ...' if len(ways) > 3 else ''}: {reason}"
                             for reason, ways in reasons.items()] + [""]
    return lines


# In the order of their worth, should time run out.
WORKLOADS = ["dcgan-64:128", "biggan-128:64", "dcgan-64:1024", "sngan-32:64", "cyclegan-256:1", "cyclegan-256:8",
             "dcgan-64-r1:128"]
