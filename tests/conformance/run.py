#!/usr/bin/env python3
"""Runs the conformance scenarios against a staged postfix-rs and compares with what Postfix said.

  run.py TARGET [NAME...]              compare TARGET (a folder made by `postfix-installer install --root`) with
                                       the recorded transcripts; exit 1 on any difference
  run.py --record REFERENCE [NAME...]  record the transcripts from real Postfix staged in REFERENCE

Scenarios are short Python files in scenarios/; their transcripts lie in transcripts/. Those that come with the oracle
have theirs in shipped/. The oracle itself (the throw-away machine on which a scenario runs) is found through the
variable ORACLE, by default ../../../shared/oracle. It needs root, namespaces and python3-dnslib: without them this
program says so and exits with 77.

A scenario that needs table types which not every build has says so: NEEDS = ("mysql",). It is left out where TARGET lacks
one; --needing runs these scenarios alone, and takes one that is left out for a failure. They are recorded from a Postfix with
its table packages, as the oracle's stage-reference.sh unpacks them.

Wanted differences stand in tests/known-differences.toml, each with its reason. An entry that no longer makes a
difference is an error, so the list is always true. Scenarios that we do not pass yet stand in gaps.toml; one that
passes is an error too.
"""
import argparse, ast, concurrent.futures, difflib, itertools, os, pathlib, re, subprocess, sys, tempfile, tomllib

HERE = pathlib.Path(__file__).resolve().parent
ORACLE = pathlib.Path(os.environ.get("ORACLE", HERE.parents[1] / ".." / "shared" / "oracle")).resolve()
KNOWN = HERE.parent / "known-differences.toml"


class Suite:
    """A folder of scenarios and the folder of their transcripts."""

    def __init__(self, scenarios, transcripts):
        self.scenarios, self.transcripts = scenarios, transcripts

    def names(self):
        return sorted(p.stem for p in self.scenarios.glob("*.py"))

    def needed(self, name):
        """Table types that a scenario needs."""
        found = re.search(r"^NEEDS = (\(.*\))$", (self.scenarios / f"{name}.py").read_text(), re.M)
        return set(ast.literal_eval(found.group(1))) if found else set()

    def recorded(self, name):
        return (self.transcripts / f"{name}.txt").read_text().splitlines()


SUITES = [Suite(HERE / "scenarios", HERE / "transcripts"), Suite(ORACLE / "scenarios", HERE / "shipped")]


def needs():
    """Why the scenarios cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "root is needed to make throw-away machines"
    if not (ORACLE / "oracle.py").exists():
        return f"no oracle in {ORACLE}: set ORACLE"
    try:
        import dnslib  # noqa: F401
    except ImportError:
        return "the Python module dnslib is missing"
    return None


def run(suite, root, name):
    """The transcript of one run; the oracle reads its scenario folder from the environment of its process."""
    import subprocess
    env = dict(os.environ, ORACLE_SCENARIOS=str(suite.scenarios))
    out = subprocess.run([sys.executable, str(ORACLE / "oracle.py"), "run", str(root), name], env=env, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace").stdout
    return out.splitlines()[1:]  # the first line is the heading


def open_gaps():
    """Scenarios that we do not pass yet, with the reason. One that passes is an error, so the list is always true."""
    return tomllib.loads((HERE / "gaps.toml").read_text())


def known_differences():
    if not KNOWN.exists():
        return []
    entries = tomllib.loads(KNOWN.read_text()).get("difference", [])
    for entry in entries:
        entry["used"] = False
    return entries


def wanted(name, lines, known):
    """What we want to say where Postfix says LINES: the wanted differences applied, log lines in order again."""
    numbered = list(enumerate(lines, 1))
    for entry in known:
        if entry["scenario"] not in (name, "*"):
            continue
        pattern, out = re.compile(entry["postfix"]), []
        first, last = entry.get("lines", (1, len(lines)))
        for number, line in numbered:
            if first <= number <= last and pattern.fullmatch(line):
                entry["used"] = True
                out += [(number, pattern.sub(ours, line)) for ours in entry["ours"]]
            else:
                out.append((number, line))
        numbered = out
    changed = [line for _, line in numbered]
    return changed if changed == lines or not logs_are_sorted(lines) else sort_logs(changed)


def table_types(root):
    """The table types of a staged system."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "main.cf").touch()
        return set(subprocess.run([root / "usr/sbin/postconf", "-c", folder, "-m"], text=True, stdout=subprocess.PIPE).stdout.split())


def log_blocks(lines):
    return itertools.groupby(lines, lambda line: line.startswith("log: "))


def sort_logs(lines):
    out = []
    for is_log, block in log_blocks(lines):
        out += sorted(block) if is_log else block
    return out


def logs_are_sorted(lines):
    """Whether the scenario prints log lines in alphabetical order, as most do."""
    return sort_logs(lines) == lines


def chosen(names):
    for suite in SUITES:
        for name in suite.names():
            if not names or name in names:
                yield suite, name


def record(root, names, jobs):
    work = [(s, n) for s, n in chosen(names)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (suite, name), lines in zip(work, pool.map(lambda w: run(w[0], root, w[1]), work)):
            suite.transcripts.mkdir(exist_ok=True)
            (suite.transcripts / f"{name}.txt").write_text("\n".join(lines) + "\n")
            print(f"recorded {name} ({len(lines)} lines)", flush=True)


def show(expected, ours, quiet):
    if not quiet:
        for line in difflib.unified_diff(expected, ours, "postfix", "postfix-rs", lineterm="", n=1):
            print("    " + line)


def compare(root, names, jobs, quiet, needing):
    known, gaps, failed, done, again = known_differences(), open_gaps(), 0, 0, []
    types, work = table_types(root), []
    for suite, name in chosen(names):
        needed = suite.needed(name)
        if not (suite.transcripts / f"{name}.txt").exists() or needing and not needed:
            continue
        if needed <= types:
            work.append((suite, name))
            continue
        failed, done = failed + needing, done + needing
        print(f"skipped {name}: needs {', '.join(sorted(needed - types))}", flush=True)
    run_here = {name for _, name in work} | ({"*"} if not needing else set())
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (suite, name), ours in zip(work, pool.map(lambda w: run(w[0], root, w[1]), work)):
            expected = wanted(name, suite.recorded(name), known)
            done += 1
            if name in gaps:
                closed = ours == expected
                failed += closed
                print(f"gap     {name}: {gaps[name]}" if not closed else f"CLOSED  {name} is no longer a gap: take it out of gaps.toml", flush=True)
                continue
            if ours == expected:
                print(f"same    {name} ({len(ours)} lines)", flush=True)
                continue
            print(f"DIFFERS {name}", flush=True)
            show(expected, ours, quiet)
            again.append((suite, name, expected))
    # Scenarios have clocks, and a busy machine can be too slow for them: once more, one after the other.
    for suite, name, expected in again:
        ours = run(suite, root, name)
        failed += ours != expected
        print(f"{'same on its own' if ours == expected else 'DIFFERS AGAIN'} {name}", flush=True)
        if ours != expected:
            show(expected, ours, quiet)
    if not names:
        for entry in known:
            if not entry["used"] and entry["scenario"] in run_here:
                failed += 1
                print(f"OUT OF DATE known difference in {entry['scenario']}: {entry['postfix']}")
    print(f"conformance: {done - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="record from real Postfix instead of comparing")
    parser.add_argument("--jobs", type=int, default=6, help="scenarios at a time (most of their time is waiting)")
    parser.add_argument("--quiet", action="store_true", help="names only, no differences")
    parser.add_argument("--needing", action="store_true", help="only scenarios that need table types which not every build has")
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    why = needs()
    if why:
        print(f"conformance: skipped: {why}")
        return 77
    if arguments.record:
        record(arguments.root.resolve(), arguments.names, arguments.jobs)
        return 0
    return compare(arguments.root.resolve(), arguments.names, arguments.jobs, arguments.quiet, arguments.needing)


if __name__ == "__main__":
    sys.exit(main())
