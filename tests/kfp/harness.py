"""Compiles and runs cases, a few at once; each has a data folder of its own."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback
import warnings

warnings.filterwarnings('ignore')
WEFT = os.environ['WEFT']
LIMIT_S = 300
WORK = os.path.join(os.environ['WEFT_CACHE'], 'work')  # not below /tmp, of which each task has its own
CASES = []


class Result:
    """What a run printed: `state`, `outputs`, `message`, and its nodes."""

    def __init__(self, status, text, errors, file):
        self.status, self.errors, self.file = status, errors, file
        try:
            self.document = json.loads(text) if text.strip() else {}
        except ValueError:
            raise AssertionError(f'exit status {status}, and this is no JSON: {text[-2000:]}\n{errors[-2000:]}')
        self.state = self.document.get('state')
        self.outputs = self.document.get('outputs', {})
        self.message = self.document.get('message', '')
        self.nodes = self.document.get('nodes', [])

    def named(self, name):
        return [n for n in self.nodes if n.get('task') == name or n['name'] == name]

    def leaves(self, name):
        return [n for n in self.named(name) if n['kind'] == 'task']

    def states(self, name):
        return sorted(n['state'] for n in self.named(name))

    def one(self, name):
        found = self.named(name)
        assert found, f'no node {name!r} among {sorted({n["name"] for n in self.nodes})}'
        return found[-1]

    def succeeded(self):
        assert self.state == 'Succeeded', f'{self.state}: {self.message}\n{self.errors[-3000:]}\n' + '\n'.join(
            f'  {n["name"]} {n["state"]} {n.get("message", "")}' for n in self.nodes)
        assert self.status == 0, f'exit status {self.status}'
        return self

    def failed(self, status=1):
        assert self.status == status, f'exit status {self.status}: {self.errors[-2000:]}'
        if status == 1:
            assert self.state == 'Failed', self.state
        return self


class Case:
    """Given to each test: a data folder, and ways to compile and run."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / 'data'
        self.count = 0

    def compile(self, pipeline, **how):
        from kfp import compiler
        self.count += 1
        file = self.folder / f'pipeline{self.count}.yaml'
        compiler.Compiler().compile(pipeline, str(file), **how)
        return file

    def run_file(self, file, *options, **parameters):
        words = [WEFT, 'run', str(file), '-o', 'json', '--data', str(self.data), *options]
        for name, value in parameters.items():
            words += ['-p', f'{name}={value if isinstance(value, str) else json.dumps(value)}']
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        return Result(done.returncode, done.stdout, done.stderr, file)

    def run(self, pipeline, *options, **parameters):
        return self.run_file(self.compile(pipeline), *options, **parameters)

    def weft(self, *words):
        data = [] if words[0] in ('lint', 'help') else ['--data', str(self.data)]
        return subprocess.run([WEFT, *words, *data], capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)


def case(function):
    CASES.append((function.__name__, function))
    return function


def carry_out(name, function):
    with tempfile.TemporaryDirectory(prefix='kfp-', dir=WORK) as folder:
        try:
            function(Case(folder))
            return name, None
        except BaseException:
            return name, traceback.format_exc(limit=-4)


def main():
    import cases  # noqa: F401  they register themselves
    import cases_control  # noqa: F401
    import cases_values  # noqa: F401
    import examples  # noqa: F401
    wanted = sys.argv[1:]
    chosen = [(n, f) for n, f in CASES if not wanted or any(w in n for w in wanted)]
    passed = failed = 0
    os.makedirs(WORK, exist_ok=True)
    # The SDK's compiler keeps state of the module, so that compiling goes one at a time: processes, not threads.
    with concurrent.futures.ProcessPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for future in concurrent.futures.as_completed([pool.submit(carry_out, n, f) for n, f in chosen]):
            name, problem = future.result()
            passed, failed = passed + (problem is None), failed + (problem is not None)
            print(f'{"ok    " if problem is None else "FAILED"} {name}', flush=True)
            if problem:
                print(problem, flush=True)
    print(f'{passed} passed, {failed} failed')
    sys.exit(1 if failed or not passed else 0)


if __name__ == '__main__':
    sys.modules['harness'] = sys.modules['__main__']
    main()
