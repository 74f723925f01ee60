"""Every example of the repository, run as a newcomer would, and what comes out of it."""
import json
import pathlib
import subprocess
import time

from harness import WEFT, case

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'

KFP = {
    'evaluation': lambda r: 0.8 < r.succeeded().outputs['Output'] <= 1 and r.one('evaluate')['outputs']['artifacts']['metrics'],
    'conversion_benchmark': lambda r: r.succeeded().outputs == {'Output': 'fp16'},
    'map_reduce': lambda r: r.succeeded().outputs['Output'] == {'and': 2, 'end': 1, 'fan': 2, 'in': 1, 'out': 1, 'the': 3},
    'conditional_release': lambda r: r.succeeded().outputs == {'Output': 'review'},
    'exit_notify': lambda r: 'COMPLETE' in r.succeeded().one('notify')['outputs']['parameters']['message'],
    'sweep': lambda r: r.succeeded().outputs == {'Output': {'rate': 0.1, 'depth': 4, 'loss': 0}},
}
ARGO = {
    'map-reduce': lambda r: r.succeeded().outputs == {'longest': '5'},
    'video-editing': lambda r: r.succeeded().outputs == {'film': '4 clips, 192 frames'},
    'retry-backoff': lambda r: r.succeeded().outputs == {'tries': '2'},
    'exit-notify': lambda r: r.succeeded().states('celebrate') == ['Succeeded'],
    'release-diamond': lambda r: r.succeeded().states('release') == ['Succeeded'] and r.states('slow-tests') == ['Failed'],
    'countdown': lambda r: len(r.succeeded().leaves('say')) == 3,
    'nightly-shards': lambda r: r.succeeded().outputs == {'mean': '82.5'},
}


def register(name, file, check):
    def run(c):
        r = c.run_file(file)
        assert check(r), (r.outputs, r.nodes)
    run.__name__ = f'example_{name}'
    globals()[run.__name__] = run  # so that another process finds it by its name
    run.__qualname__ = run.__name__
    case(run)


for stem, test in KFP.items():
    register(f'kfp_{stem}', EXAMPLES / 'kfp' / f'{stem}.yaml', test)
for stem, test in ARGO.items():
    register(f'argo_{stem}', EXAMPLES / 'argo' / f'{stem}.yaml', test)


@case
def examples_are_all_here(c):
    assert {p.stem for p in (EXAMPLES / 'kfp').glob('*.yaml')} == set(KFP) == {p.stem for p in (EXAMPLES / 'kfp').glob('*.py')}
    assert {p.stem for p in (EXAMPLES / 'argo').glob('*.yaml')} == set(ARGO) | {'approval'}
    table = (EXAMPLES / 'README.md').read_text()
    for folder in ('kfp', 'argo'):
        for p in (EXAMPLES / folder).glob('*.yaml'):
            assert f'`{folder}/{p.name}`' in table, p


@case
def examples_are_as_compiled(c):
    import runpy
    for source in sorted((EXAMPLES / 'kfp').glob('*.py')):
        module = runpy.run_path(str(source), run_name='example')
        mine = c.compile(module[source.stem]).read_text()
        kept = source.with_suffix('.yaml').read_text()
        strip = lambda text: [l for l in text.splitlines() if not l.startswith('sdkVersion')]
        assert strip(mine) == strip(kept), f'{source.name} was changed: run it again to compile it'


@case
def the_unhappy_examples(c):
    r = c.run_file(EXAMPLES / 'kfp' / 'exit_notify.yaml', healthy='false').failed()
    assert 'FAILED' in r.one('notify')['outputs']['parameters']['message'], r.one('notify')
    r = c.run_file(EXAMPLES / 'argo' / 'exit-notify.yaml', healthy='no').failed()
    assert r.states('alarm') == ['Succeeded']


@case
def the_example_that_waits_for_a_person(c):
    words = [WEFT, 'run', str(EXAMPLES / 'argo' / 'approval.yaml'), '-o', 'json', '--data', str(c.data)]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        for _ in range(300):
            listed = c.weft('list')
            if 'Suspended' in listed.stdout:
                break
            time.sleep(0.1)
        name = next(w for line in listed.stdout.splitlines() for w in line.split() if w.startswith('approval-'))
        approved = c.weft('approve', name, '-p', 'decision=yes')
        assert approved.returncode == 0, approved.stderr
        out, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    r = json.loads(out)
    states = {n['name']: n['state'] for n in r['nodes']}
    assert r['state'] == 'Succeeded' and r['outputs'] == {'decision': 'yes'}, (r, errors)
    assert states['release'] == 'Succeeded' and states['drop'] == 'Skipped', states
