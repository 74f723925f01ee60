"""What runs, how often, and what becomes of it: conditions, loops, exit handlers, retries, nested pipelines, the cache."""
import pathlib
from typing import Dict, List, NamedTuple, Optional

from cases import IMAGE, add, as_text, fail, make_dataset, numbers, read_dataset, say, shell, total
from harness import case
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output, PipelineTaskFinalStatus


@case
def conditions_on_every_type(c):
    @dsl.component(base_image=IMAGE)
    def values() -> NamedTuple('O', [('i', int), ('f', float), ('s', str), ('b', bool)]):
        from collections import namedtuple
        return namedtuple('O', 'i f s b')(5, 0.5, "it's", True)

    @dsl.pipeline
    def p(i: int = 5, f: float = 2.0, s: str = 'x'):
        v = values()
        for name, condition in (('ii', v.outputs['i'] == i), ('ic', v.outputs['i'] != 4), ('fc', v.outputs['f'] > 0.25), ('ff', v.outputs['f'] < f),
                                ('sc', v.outputs['s'] != "it"), ('bc', v.outputs['b'] == True), ('fi', f >= 2), ('ss', s == 'x')):  # noqa: E712
            with dsl.If(condition, name=name):
                say(text=name).set_display_name(name)
        for condition in (v.outputs['i'] < 5, v.outputs['b'] == False, s != 'x', f != 2.0):  # noqa: E712
            with dsl.If(condition):
                fail()

    r = c.run(p).succeeded()
    assert len([n for n in r.nodes if n['task'].startswith('say') and n['state'] == 'Succeeded']) == 8, [(n['name'], n['state']) for n in r.nodes]
    assert r.states('fail') == [] or 'Succeeded' not in r.states('fail')


@case
def branches_within_branches(c):
    @dsl.pipeline
    def p(x: int = 1, y: str = 'a') -> str:
        with dsl.If(x == 1):
            with dsl.If(y == 'a'):
                one = say(text='1a')
            with dsl.Else():
                two = say(text='1b')
            first = say(text=dsl.OneOf(one.output, two.output))
        with dsl.Elif(x == 2):
            second = say(text='2')
        with dsl.Else():
            third = say(text='other')
        return dsl.OneOf(first.output, second.output, third.output)

    file = c.compile(p)
    for x, y, want in ((1, 'a', '1a'), (1, 'b', '1b'), (2, 'a', '2'), (3, 'a', 'other')):
        r = c.run_file(file, x=x, y=y).succeeded()
        assert r.outputs == {'Output': want}, (x, y, r.outputs)


@case
def no_branch_at_all(c):
    @dsl.pipeline
    def p(x: int = 1):
        with dsl.If(x == 5):
            say(text='five')
        with dsl.Elif(x == 6):
            say(text='six')
        say(text='always')

    r = c.run(p).succeeded()
    assert r.states('say-3') == ['Succeeded'] and 'Succeeded' not in r.states('say') + r.states('say-2')


@case
def what_waits_for_a_branch_that_was_skipped(c):
    @dsl.pipeline
    def inner(x: int) -> str:
        with dsl.If(x == 5):
            one = say(text='five')
        with dsl.Else():
            two = say(text='not five')
        return dsl.OneOf(one.output, two.output)

    @dsl.pipeline
    def p(x: int = 1) -> str:
        i = inner(x=x)
        return say(text=i.output).output

    assert c.run(p).succeeded().outputs == {'Output': 'not five'}


@case
def branches_within_loops(c):
    @dsl.component(base_image=IMAGE)
    def odd(n: int) -> bool:
        return n % 2 == 1

    @dsl.pipeline
    def p(xs: List[int] = [1, 2, 3, 4]) -> str:
        with dsl.ParallelFor(xs) as x:
            o = odd(n=x)
            with dsl.If(o.output == True):  # noqa: E712
                a = add(a=x, b=100)
            with dsl.Else():
                b = add(a=x, b=200)
            either = add(a=dsl.OneOf(a.output, b.output), b=0)
        return as_text(xs=dsl.Collected(either.output)).output

    assert c.run(p).succeeded().outputs == {'Output': '[101, 202, 103, 204]'}


@case
def skipped_iterations_drop_out(c):
    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor([1, 2, 3, 4]) as x:
            with dsl.If(x >= 3):
                a = add(a=x, b=0)
        return as_text(xs=dsl.Collected(a.output)).output

    assert c.run(p).succeeded().outputs == {'Output': '[3, 4]'}


@case
def loops_in_order_with_a_limit(c):
    log = c.folder / 'log'

    @dsl.pipeline
    def p(log: str) -> str:
        with dsl.ParallelFor([5, 4, 3, 2, 1], parallelism=1) as i:
            t = shell(script=f'echo start {i} >> {log}; echo end {i} >> {log}; echo {i} > "$1"')
        return as_text(xs=dsl.Collected(t.output)).output

    r = c.run(p, log=str(log)).succeeded()
    assert r.outputs == {'Output': '["5\\n", "4\\n", "3\\n", "2\\n", "1\\n"]'}, r.outputs
    assert log.read_text().split() == [w for i in '54321' for w in ('start', i, 'end', i)], log.read_text()


@case
def loops_three_deep(c):
    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor([1, 2]) as i:
            with dsl.ParallelFor([10, 20]) as j:
                s = add(a=i, b=j)
                with dsl.ParallelFor([100, 200]) as k:
                    a = add(a=s.output, b=k)
        return as_text(xs=dsl.Collected(a.output)).output

    assert c.run(p).succeeded().outputs == {'Output': '[[[111, 211], [121, 221]], [[112, 212], [122, 222]]]'}


@case
def artifacts_of_nested_loops_are_one_list(c):
    @dsl.component(base_image=IMAGE)
    def make_pair(a: str, b: str, data: Output[Dataset]):
        open(data.path, 'w').write(a + b)

    @dsl.component(base_image=IMAGE)
    def join(data: Input[List[Dataset]]) -> str:
        return ','.join(open(d.path).read() for d in data)

    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor(['a', 'b']) as i:
            with dsl.ParallelFor(['x', 'y']) as j:
                d = make_pair(a=i, b=j)
        return join(data=dsl.Collected(d.outputs['data'])).output

    assert c.run(p).succeeded().outputs == {'Output': 'ax,ay,bx,by'}


@case
def loops_over_artifacts(c):
    @dsl.pipeline
    def each(data: Input[List[Dataset]]) -> List[str]:
        with dsl.ParallelFor(data, parallelism=1) as one:
            r = read_dataset(data=one)
        return dsl.Collected(r.output)

    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor(['x', 'yy']) as i:
            d = make_dataset(text=i)
        return as_text(xs=each(data=dsl.Collected(d.outputs['data'])).output).output

    assert c.run(p).succeeded().outputs == {'Output': '["x:1", "yy:2"]'}


@case
def a_failed_iteration_fails_the_run(c):
    @dsl.pipeline
    def p():
        with dsl.ParallelFor([0, 1, 0]) as i:
            t = shell(script=f'test {i} = 0; echo fine > "$1"')
        as_text(xs=dsl.Collected(t.output))

    r = c.run(p).failed()
    assert sorted(n['state'] for n in r.leaves('shell')) == ['Failed', 'Succeeded', 'Succeeded'] and r.states('as-text') == ['Omitted']


@case
def pipelines_within_loops_and_branches(c):
    @dsl.pipeline
    def inner(n: int, word: str = 'w') -> NamedTuple('O', [('n', int), ('d', Dataset)]):
        with dsl.If(n > 1):
            big = add(a=n, b=1000)
        with dsl.Else():
            small = add(a=n, b=1)
        d = make_dataset(text=word)
        return NamedTuple('O', [('n', int), ('d', Dataset)])(dsl.OneOf(big.output, small.output), d.outputs['data'])

    @dsl.component(base_image=IMAGE)
    def join(ns: List[int], data: Input[List[Dataset]]) -> str:
        return f"{ns} {[open(d.path).read() for d in data]}"

    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor([1, 2, 3]) as i:
            t = inner(n=i, word=f'w{i}')
        return join(ns=dsl.Collected(t.outputs['n']), data=dsl.Collected(t.outputs['d'])).output

    assert c.run(p).succeeded().outputs == {'Output': "[2, 1002, 1003] ['w1', 'w2', 'w3']"}


@case
def defaults_of_nested_pipelines(c):
    @dsl.pipeline
    def inner(n: int = 7, s: Optional[str] = None, f: float = 0.5) -> str:
        return as_text(xs=[n, f]).output

    @dsl.pipeline
    def p(s: Optional[str] = None) -> str:
        inner(s=s)
        return inner(n=1).output

    r = c.run(p).succeeded()
    assert r.outputs == {'Output': '[1, 0.5]'}, r.outputs
    assert sorted(n['outputs']['parameters']['Output'] for n in r.leaves('as-text')) == ['[1, 0.5]', '[7, 0.5]'], r.leaves('as-text')


@dsl.component(base_image=IMAGE)
def final(status: PipelineTaskFinalStatus, text: str = 't') -> str:
    return f'{status.state} {status.pipeline_task_name} {status.error_code} {status.error_message}'


@case
def exit_handlers_know_why(c):
    @dsl.pipeline
    def p(bad: bool = True, text: str = 'x'):
        with dsl.ExitHandler(final(text=text)):
            with dsl.ParallelFor([1, 2]) as i:
                a = add(a=i, b=0)
                with dsl.If(bad == True):  # noqa: E712
                    fail().after(a)

    r = c.run(p).failed()
    told = r.one('final')['outputs']['parameters']['Output']
    assert told.startswith('FAILED exit-handler-1 9 ') and len(told) > len('FAILED exit-handler-1 9 '), told
    r = c.run(p, bad='false').succeeded()
    assert r.one('final')['outputs']['parameters']['Output'].startswith('COMPLETE exit-handler-1 '), r.one('final')


@case
def several_exit_handlers(c):
    @dsl.pipeline
    def p():
        with dsl.ExitHandler(say(text='first done').set_display_name('one')):
            fail()
        with dsl.ExitHandler(final()):
            say(text='fine')

    r = c.run(p).failed()
    assert sorted(n['state'] for n in r.nodes if n['task'].startswith('say') and n['kind'] == 'task') == ['Succeeded', 'Succeeded']
    assert r.one('final')['outputs']['parameters']['Output'].startswith('COMPLETE exit-handler-2'), r.one('final')


@case
def an_exit_handler_that_fails_fails_the_run(c):
    @dsl.pipeline
    def p():
        with dsl.ExitHandler(fail()):
            say(text='fine')

    r = c.run(p).failed()
    assert r.states('say') == ['Succeeded'] and 'Failed' in r.states('fail')


@case
def a_status_of_one_task(c):
    @dsl.component(base_image=IMAGE)
    def told(status: PipelineTaskFinalStatus) -> str:
        return f'{status.state} {status.pipeline_task_name}'

    @dsl.pipeline
    def p():
        f = fail()
        t = told().after(f).ignore_upstream_failure() if hasattr(f, 'ignore_upstream_failure') else None  # noqa: F841

    try:
        file = c.compile(p)
    except Exception:
        return
    r = c.run_file(file).failed()
    assert r.one('told')['outputs']['parameters']['Output'] == 'FAILED fail', r.one('told')


@case
def what_ignores_a_failure_uses_defaults(c):
    @dsl.component(base_image=IMAGE)
    def broken() -> str:
        raise SystemExit('broken')

    @dsl.component(base_image=IMAGE)
    def after(text: str = 'by default') -> str:
        return text

    @dsl.pipeline
    def p():
        after(text=broken().output).ignore_upstream_failure()

    r = c.run(p).failed()
    assert r.one('after')['outputs']['parameters']['Output'] == 'by default', r.one('after')


@case
def retries_of_lightweight_components(c):
    @dsl.component(base_image=IMAGE)
    def flaky(folder: str, n: int) -> int:
        import os
        tries = len([f for f in os.listdir(folder) if f.startswith(f't{n}-')])
        open(f'{folder}/t{n}-{tries}', 'w').close()
        if tries < n:
            raise SystemExit('not yet')
        return tries

    @dsl.pipeline
    def p(folder: str) -> str:
        with dsl.ParallelFor([0, 1, 2]) as n:
            t = flaky(folder=folder, n=n).set_retry(num_retries=2, backoff_duration='0s')
        return as_text(xs=dsl.Collected(t.output)).output

    folder = c.folder / 'tries'
    folder.mkdir()
    r = c.run(p, folder=str(folder)).succeeded()
    assert r.outputs == {'Output': '[0, 1, 2]'} and len(list(folder.iterdir())) == 6, r.outputs


@case
def a_retry_that_is_used_up(c):
    log = c.folder / 'log'

    @dsl.pipeline
    def p(log: str):
        shell(script=f'echo x >> {log}; exit 3').set_retry(num_retries=2, backoff_duration='0s', backoff_factor=1)

    r = c.run(p, log=str(log)).failed()
    assert log.read_text() == 'x\n' * 3 and {n['exit_code'] for n in r.leaves('shell') if n['state'] == 'Failed'} == {3}, r.nodes


@case
def retry_of_the_run(c):
    flag = c.folder / 'flag'

    @dsl.pipeline
    def p(flag: str) -> str:
        first = shell(script=f'echo a >> {flag}.first; echo one > "$1"')
        first.set_caching_options(False)
        second = shell(script=f'test -e {flag}; echo two > "$1"').after(first)
        second.set_caching_options(False)
        return second.output

    r = c.run(p, flag=str(flag)).failed()
    flag.touch()
    done = c.weft('retry', r.document['id'], '-o', 'json')
    assert done.returncode == 0, done.stderr
    assert pathlib.Path(f'{flag}.first').read_text() == 'a\n', 'what had succeeded ran again'
    assert '"Succeeded"' in c.weft('get', r.document['id'], '-o', 'json').stdout


@case
def cached_components_give_their_artifacts(c):
    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset], word: str) -> str:
        return open(data.path).read() + word + str(data.metadata['length'])

    @dsl.pipeline
    def p(word: str) -> str:
        return read(data=make_dataset(text='abc').outputs['data'], word=word).output

    file = c.compile(p)
    assert c.run_file(file, word='1').succeeded().outputs == {'Output': 'abc13'}
    r = c.run_file(file, word='2').succeeded()
    assert r.outputs == {'Output': 'abc23'} and r.states('make-dataset') == ['Cached'] and r.states('read') == ['Succeeded'], r.nodes
    r = c.run_file(file, word='2').succeeded()
    assert r.outputs == {'Output': 'abc23'} and r.states('make-dataset') == ['Cached'] and r.states('read') == ['Cached'], r.nodes


@case
def a_cache_key_of_ones_own(c):
    flag = c.folder / 'flag'

    @dsl.pipeline
    def p(flag: str, word: str) -> str:
        t = shell(script=f'echo x >> {flag}; echo {word} > "$1"')
        t.set_caching_options(True, cache_key='mine')
        return t.output

    file = c.compile(p)
    assert c.run_file(file, flag=str(flag), word='a').succeeded().outputs == {'Output': 'a\n'}
    assert c.run_file(file, flag=str(flag), word='b').succeeded().outputs == {'Output': 'a\n'} and flag.read_text() == 'x\n'


@case
def a_graph_of_a_hundred_tasks(c):
    @dsl.pipeline
    def p() -> int:
        last = None
        for i in range(10):
            row = [shell(script='echo 1 > "$1"') for _ in range(10)]
            if last:
                for t in row:
                    t.after(last)
            last = row[-1]
        return add(a=1, b=1).after(last).output

    r = c.run(p).succeeded()
    assert r.outputs == {'Output': 2} and len([n for n in r.nodes if n['state'] in ('Succeeded', 'Cached') and n['kind'] == 'task']) >= 101
