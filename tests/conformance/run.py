#!/usr/bin/env python3
"""Runs the Argo probes with `weft run -o argo` and compares what comes out with what Argo's controller makes of them: run.py WEFT [NAME…]

argo/*.yaml are small workflows, argo/golden.json is Argo's end of each: phase, message, and every node with name, type, phase, template, inputs,
outputs and logs. `{{wf}}` stands for the workflow's name, `{{wf}}-<id>` for a node's id, and where the controller wrote its clock the probe was
created at CREATED. A probe marked `argoHangs` is one that Argo never ends: Weft must end it with a phase and a message.

Commands are run for real, by the executor of processes, a few probes at once. Beyond the comparison every document must hold together
(invariants). argo/exceptions.txt names the probes in which Weft differs on purpose, each with its reason; one that agrees after all is an error.
With -m disagreeing messages are shown too that are not among those Weft promises to word as Argo does."""
import concurrent.futures
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROBES = os.path.join(HERE, "argo")
AT_ONCE = 4
MEMORY = "/dev/shm"  # data folders of a few probes fit, and no probe has to survive a power cut
LIMIT = 30          # seconds for one probe: nothing takes that long, so one that does has failed
HANGS_LIMIT = 5     # for what Argo never ends; stated in the facts about Argo
CREATED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)

# Messages that Weft words as Argo does; others are for people and may differ.
MESSAGES = [re.compile(p, re.S) for p in (
    r"No more retries left",
    r"Backoff would exceed max duration limit",
    r"retryStrategy\.expression evaluated to false",
    r"omitted: depends condition not met",
    r"when '.*' evaluated false",
    r"Skipped, empty params",
    r"child '.*' failed",
    r"Stopped with strategy '(Stop|Terminate)'",
    r"main: Error \(exit code \d+\)",
)]


def promised(message):
    return any(p.fullmatch(message) for p in MESSAGES)


# ---- what is expected ----

def plain(text):
    """The message of a workflow without a name was written with the placeholder between all its letters."""
    letters = text.split("{{wf}}")
    return "".join(letters) if len(letters) > 3 and all(len(x) <= 2 for x in letters) else text


def times(at):
    """The creation time in every form in which a text may contain it."""
    return [at.strftime("%Y-%m-%dT%H:%M:%SZ"), str(int(at.timestamp())), at.strftime("%Y%m%d%H%M%S"), at.strftime("%Y-%m-%d")]


class Expected:
    """Golden texts as they must read for this run."""

    def __init__(self, name, created):
        self.name = name
        self.clock = list(zip(times(CREATED), times(created)))

    def text(self, s):
        for theirs, ours in self.clock:
            s = s.replace(theirs, ours)
        return s.replace("00000000-0000-0000-0000-000000000001", "{{uid}}").replace("{{wf}}", self.name)

    def same(self, expected, actual, uid):
        """`<id>` and a uid stand for any."""
        want = self.text(expected)
        if want == actual or want.replace("{{uid}}", uid) == actual:
            return True
        if "<id>" not in want:
            return False
        return re.fullmatch(re.escape(want.replace("{{uid}}", uid)).replace(re.escape("<id>"), r"\d+"), actual, re.S) is not None


# ---- what is found ----

def parameters(part):
    return {p["name"]: p.get("value", "") for p in (part or {}).get("parameters", [])}


def found_node(n):
    outputs = n.get("outputs") or {}
    return {"displayName": n.get("displayName", ""), "type": n["type"], "phase": n["phase"], "template": n.get("templateName", ""), "message": n.get("message", ""),
            "inputs": parameters(n.get("inputs")), "outputs": parameters(outputs), "result": outputs.get("result", ""), "exitCode": outputs.get("exitCode", ""),
            "artifacts": sorted(a["name"] for a in outputs.get("artifacts", []))}


def short(x):
    s = json.dumps(x, ensure_ascii=False)
    return s if len(s) <= 200 else s[:200] + "…"


def differ(what, want, got):
    return f"{what} is {short(got)}, not {short(want)}"


def compare_node(e, want, got, uid, loose):
    out = []
    name = want["name"]
    for key in ("displayName", "type", "phase", "template", "result", "exitCode"):
        if not e.same(want.get(key, ""), got[key], uid):
            out.append(differ(f"{name} {key}", e.text(want.get(key, "")), got[key]))
    for key in ("inputs", "outputs"):
        theirs, ours = want.get(key, {}), got[key]
        for p in sorted(set(theirs) | set(ours)):
            if p not in ours:
                out.append(f"{name} {key}.{p} is missing, should be {short(e.text(theirs[p]))}")
            elif p not in theirs:
                out.append(f"{name} {key}.{p} is {short(ours[p])}, and should not be there")
            elif not e.same(theirs[p], ours[p], uid):
                out.append(differ(f"{name} {key}.{p}", e.text(theirs[p]), ours[p]))
    compare_message(e, name, want.get("message", ""), got["message"], uid, out, loose)
    return out


def compare_message(e, what, want, got, uid, out, loose):
    if e.same(want, got, uid):
        return
    strict = promised(e.text(want)) or promised(got)
    if strict or loose is not None:
        (out if strict else loose).append(differ(f"{what} message", e.text(want), got))


def compare(golden, doc, logs, loose):
    """What disagrees, as lines."""
    meta, status = doc["metadata"], doc["status"]
    created = datetime.datetime.strptime(meta["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    e, uid, out = Expected(meta["name"], created), meta["uid"], []
    if golden.get("argoHangs"):
        return [] if status["phase"] in ("Failed", "Error", "Succeeded") and (status["phase"] == "Succeeded" or status.get("message")) else [
            f"ended {status['phase']} with message {short(status.get('message', ''))}: a phase and a message are due"]
    if status["phase"] != golden["phase"]:
        out.append(differ("phase", golden["phase"], status["phase"]) + (f" ({status['message']})" if status.get("message") else ""))
    compare_message(e, "workflow", plain(golden.get("message", "")), status.get("message", ""), uid, out, loose)
    theirs = {e.text(n["name"]): n for n in golden["nodes"]}
    ours = {n["name"]: found_node(n) for n in status["nodes"].values()}
    for name in sorted(set(theirs) - set(ours)):
        out.append(f"{name} is missing ({theirs[name]['type']} {theirs[name]['phase']})")
    for name in sorted(set(ours) - set(theirs)):
        out.append(f"{name} should not be there ({ours[name]['type']} {ours[name]['phase']} {short(ours[name]['message'])})")
    for name in sorted(set(theirs) & set(ours)):
        out += compare_node(e, theirs[name], ours[name], uid, loose)
    for key, value in golden.get("labels", {}).items():
        if meta["labels"].get(key) != value:
            out.append(differ(f"label {key}", value, meta["labels"].get(key)))
    exported = parameters(status.get("outputs"))
    if exported != golden.get("outputs", {}):
        out.append(differ("outputs", golden.get("outputs", {}), exported))
    want = sorted(e.text(n["logs"].removesuffix("\n")) for n in golden["nodes"] if n.get("logs"))
    got = sorted(x.removesuffix("\n") for x in logs if x)
    if len(want) != len(got) or not all(e.same(a, b, uid) for a, b in zip(want, got)):
        out.append(differ("logs", want, got))
    return out


# ---- what must be true of every document ----

def fnv1a(text):
    h = 0x811C9DC5
    for byte in text.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def invariants(doc):
    out, wf = [], doc["metadata"]["name"]
    nodes = doc["status"]["nodes"]
    for key, n in nodes.items():
        want = wf if n["name"] == wf else f"{wf}-{fnv1a(n['name'])}"
        if not key == n["id"] == want:
            out.append(f"{n['name']} has id {n['id']} under {key}, not {want}")
        if not n["name"].endswith(n["displayName"]):
            out.append(f"{n['name']} shows as {n['displayName']}")
        for link in ("children", "outboundNodes"):
            for other in n.get(link, []):
                if other not in nodes:
                    out.append(f"{n['name']} {link}: there is no {other}")
        boundary = nodes.get(n.get("boundaryID", ""))
        if "boundaryID" in n and (not boundary or boundary["type"] not in ("Steps", "DAG") or not n["name"].startswith(boundary["name"])):
            out.append(f"{n['name']} has boundary {n['boundaryID']}")
        if n["name"] not in (wf, wf + ".onExit") and not n["name"].startswith((wf + "(", wf + ".onExit", wf + ".hooks.")) and "boundaryID" not in n:
            out.append(f"{n['name']} has no boundary")
    if nodes and wf not in nodes:
        out.append("there is no root")
    seen, todo = set(), [x for x in (wf, f"{wf}-{fnv1a(wf + '.onExit')}") if x in nodes]
    while todo:
        x = todo.pop()
        if x not in seen:
            seen.add(x)
            todo += [c for c in nodes[x].get("children", []) if c in nodes]
    out += [f"{n['name']} cannot be reached from the root" for key, n in sorted(nodes.items()) if key not in seen]
    parents = {}
    for n in nodes.values():
        for c in n.get("children", []):
            parents.setdefault(c, []).append(n)
    for key, n in nodes.items():
        if n["type"] != "StepGroup":
            continue
        number = int(re.search(r"\[(\d+)\]$", n["name"]).group(1))
        before = n["name"][:n["name"].rindex("[")] + (f"[{number - 1}]" if number else "")
        if not all(p["name"] == before if not number else p["name"].startswith(before) for p in parents.get(key, [])):
            out.append(f"{n['name']} hangs on {[p['name'] for p in parents.get(key, [])]}")
    return out


# ---- running ----

def read_logs(folder):
    """The text of each attempt: stored lines are "<time> <o or e> <text>"."""
    out = []
    for where, _, names in os.walk(folder):
        for name in names:
            if name == "log":
                with open(os.path.join(where, name), encoding="utf-8", errors="replace", newline="\n") as f:
                    out.append("".join(line.split(" ", 2)[2] if line.count(" ") >= 2 else "\n" for line in f))
    return out


def run_probe(weft, name, golden):
    """The lines that disagree, and the messages that differ without having to agree."""
    folder = tempfile.mkdtemp(prefix="weft-conformance-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    loose = []
    limit = HANGS_LIMIT if golden.get("argoHangs") else LIMIT
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WEFT_")}
    try:
        process = subprocess.Popen([weft, "run", os.path.join(PROBES, name), "-o", "argo", "--data", os.path.join(folder, "data")], env=environment, cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            return [f"did not end within {limit} s"], loose
        try:
            doc = json.loads(out)
        except ValueError:
            return [f"exit status {process.returncode}, and no document: {(err or out).strip()[-500:]}"], loose
        return compare(golden, doc, read_logs(os.path.join(folder, "data")), loose) + invariants(doc), loose
    except (KeyError, TypeError, AttributeError) as e:
        return [f"the document is not as expected: {type(e).__name__} {e}"], loose
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_exceptions():
    out = {}
    with open(os.path.join(PROBES, "exceptions.txt")) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, reason = line.split(":", 1)
                out[name.strip()] = reason.strip()
    return out


def main():
    options = [a for a in sys.argv[1:] if a.startswith("-")]
    words = [a for a in sys.argv[1:] if not a.startswith("-")]
    if not words or set(options) - {"-m"}:
        sys.exit(__doc__)
    weft, wanted = os.path.abspath(words[0]), words[1:]
    with open(os.path.join(PROBES, "golden.json")) as f:
        golden = json.load(f)
    exceptions = read_exceptions()
    files = sorted(f for f in os.listdir(PROBES) if f.endswith(".yaml"))
    stray = sorted((set(files) ^ set(golden)) | (set(exceptions) - {f[:-5] for f in files}))
    names = [f for f in files if not wanted or any(f.startswith(w) for w in wanted)]
    families, bad, lines = {}, 0, []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda n: run_probe(weft, n, golden[n]), [n for n in names if n in golden]))
    for name, (trouble, loose) in zip([n for n in names if n in golden], results):
        short_name = name[:-5]
        if short_name in exceptions:
            trouble = [] if trouble else [f"agrees now: take it out of exceptions.txt ({exceptions[short_name]})"]
        family = families.setdefault(name.split("-")[0].split(".")[0], [0, 0])
        family[bool(trouble)] += 1
        bad += bool(trouble)
        lines += [f"{short_name}: {t}" for t in trouble]
        if "-m" in options:
            lines += [f"{short_name} (may differ): {t}" for t in loose]
    for name in stray:
        lines.append(f"{name}: not both among the probes and in golden.json, or an exception for nothing")
        bad += 1
    print("\n".join(lines) + ("\n" if lines else "") + "  ".join(f"{f} {g}/{g + b}" for f, (g, b) in sorted(families.items())))
    print(f"{len(results) + len(stray) - bad} passed, {bad} failed")
    sys.exit(1 if bad or not results else 0)


if __name__ == "__main__":
    main()
