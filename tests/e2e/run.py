#!/usr/bin/env python3
"""Runs the command-line table (cases.py and the files it is continued in): each row is one command or a
short sequence, with the exit code, the status in compilation_report.json and the text that must appear.
After every row that fails as it should, there must be no compiled_model/ and no temporary file; after
every row, no process left.

    run.py BIN_DIR [pattern]     exit 77: nothing could run
"""
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cases
import coverage

try:
    import run_cases  # these add their rows to the table
    import tiling_cases
    import unused_cases
    import output_cases
    import data_cases
    import end_cases
    import graph_cases
    import mistake_cases
    import multicore_cases
    import robust_cases
    import status_cases
except ImportError as error:  # they make networks
    if error.name not in ("onnx", "numpy"):
        raise
    print("skipped: %s (python3-onnx, python3-numpy)" % error)
    sys.exit(77)

sys.dont_write_bytecode = True


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(ok, text):
    if not ok:
        raise Failed(text)


def temp_files(folder):
    return [os.path.join(d, f) for d, dirs, files in os.walk(folder) for f in dirs + files if ".tmp-" in f]


def processes_of(folder):
    """Processes that were started for this row: their environment names its folder."""
    found = []
    mark = ("AXC_TEST_ROW=" + folder).encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as f:
                if mark in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


def default_signals():
    """As on a terminal: a script's background has the first two ignored."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Row:
    """What a case's function gets: paths, and ways to run and look."""

    def __init__(self, bin_dir, models, folder):
        self.bin, self.models, self.dir = bin_dir, models, folder
        self.out = os.path.join(folder, "out")
        self.shared = os.path.join(cases.ROOT, "..", "shared")
        self.text, self.code = "", None
        self.used = set()  # options, "property NAME" and "status NAME": coverage.py looks at them
        self.env = dict(os.environ, AXC_TEST_ROW=folder, LC_ALL="C.UTF-8")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def model(self, name):
        return os.path.join(self.models, name)

    def expand(self, arg):
        return arg.replace("{O}", self.out).replace("{M}", self.models).replace("{D}", self.dir)

    def start(self, *args, program="compile", **more):
        command = [os.path.join(self.bin, program)] + [self.expand(a) for a in args]
        if program in ("compile", "axcompile"):
            self.used |= coverage.used_by(command[1:])
        return subprocess.Popen(command, stdout=more.pop("stdout", subprocess.PIPE),
                                stderr=more.pop("stderr", subprocess.STDOUT),
                                env=more.pop("env", self.env), cwd=more.pop("cwd", self.dir),
                                preexec_fn=more.pop("preexec_fn", default_signals), **more)

    def end(self, process, timeout=300):
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed("still running after %d s" % timeout)
        self.code, self.text = process.returncode, (out or b"").decode("utf-8", "backslashreplace")
        return self.code

    def run(self, *args, **more):
        return self.end(self.start(*args, **more))

    def expect(self, code, *texts, absent=()):
        check(self.code == code, "exit code %s, wanted %s" % (self.code, code))
        for text in texts:
            check(self.expand(text) in self.text, "the output lacks: " + self.expand(text))
        for text in absent:
            check(text not in self.text, "the output has: " + text)

    def report(self, folder=None):
        with open(os.path.join(folder or self.out, "compilation_report.json"), encoding="utf-8") as f:
            return json.load(f)

    def status(self, status, *texts, folder=None):
        """The report's status; for a failure also that nothing half-made is left."""
        report = self.report(folder)
        self.used.add("status " + status)
        check(report["status"] == status, "status %s, wanted %s" % (report["status"], status))
        check(report["finished"] is True, "the report is not finished")
        for text in texts:
            check(self.expand(text) in json.dumps(report, ensure_ascii=False), "the report lacks: " + text)
        if status != "SUCCEEDED":
            check(report["message"], "the report has no message")
            for error in report["errors"]:
                self.said(error)
            check(not os.path.exists(os.path.join(folder or self.out, "compiled_model")),
                  "there is a compiled_model/")
        return report

    def said(self, error):
        """An error of the report stands on the terminal, with all that is known of it."""
        lines = ["error: %s: %s" % (error["status"], error["message"].split("\n")[0])]
        lines += ["  node: " + error["node"] + (" (%s)" % error["op"] if error["op"] else "")] if error["node"] else []
        for key in ("found", "wanted", "hint"):
            lines += ["  %s: %s" % (key, error[key].split("\n")[0])] if error[key] else []
        for line in lines:
            check(line in self.text, "the output lacks: " + line)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def unsanitized(self, why):
        """Skips the row in a build with AddressSanitizer."""
        with open(os.path.join(self.bin, "compile"), "rb") as f:
            if b"__asan_init" in f.read():
                self.skip("AddressSanitizer " + why)

    def skip(self, why):
        raise Skipped(why)

    def check(self, ok, text):
        check(ok, text)

    def processes(self):
        return processes_of(self.dir)


def run_row(case, bin_dir, models, used):
    folder = tempfile.mkdtemp(prefix="axc e2e ")  # a blank in every path
    row = Row(bin_dir, models, folder)
    try:
        case.run(row)
        used[case.name] = row.used
        left = temp_files(folder)
        check(not left, "temporary files are left: %s" % left)
        for _ in range(20):
            if not processes_of(folder):
                break
            time.sleep(0.1)
        check(not processes_of(folder), "processes are left: %s" % processes_of(folder))
    except Failed as e:
        return "%s\n    exit code %s, output:\n%s" % (e, row.code, "".join(
            "    | %s\n" % line for line in row.text.splitlines()[-25:]))
    finally:
        for pid in processes_of(folder):
            os.kill(pid, signal.SIGKILL)
        subprocess.call(["chmod", "-R", "u+rwX", folder])
        shutil.rmtree(folder, ignore_errors=True)
    return None


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    pattern = sys.argv[2] if len(sys.argv) > 2 else "*"
    passed, failed, skipped = 0, 0, 0
    used = {}  # by row
    models = tempfile.mkdtemp(prefix="axc e2e models ")
    try:
        import models as maker
        maker.write_all(models)
        have_models = True
    except ImportError as e:
        have_models, why = False, str(e)
    for case in cases.CASES:
        if not fnmatch.fnmatch(case.name, pattern):
            continue
        if case.needs_models and not have_models:
            print("SKIP %s: %s (python3-onnx, python3-numpy)" % (case.name, why))
            skipped += 1
            continue
        try:
            problem = run_row(case, bin_dir, models, used)
        except Skipped as e:
            print("SKIP %s: %s" % (case.name, e))
            skipped += 1
            continue
        if problem:
            print("FAIL %s: %s" % (case.name, problem))
            failed += 1
        else:
            passed += 1
    shutil.rmtree(models, ignore_errors=True)
    if pattern == "*":
        for text in coverage.gaps(bin_dir, cases.ROOT, used, {c.name for c in cases.CASES}):
            print("FAIL coverage: " + text)
            failed += 1
    print("%d rows passed, %d failed, %d skipped" % (passed, failed, skipped))
    if failed or not passed:
        return 1 if failed else 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
