"""Pipelines as people write them, and what must come of them."""
import pathlib
from typing import Dict, List, NamedTuple, Optional

from harness import case
from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output, PipelineTaskFinalStatus

IMAGE = 'python:3.11'


@dsl.component(base_image=IMAGE)
def add(a: int, b: int = 2) -> int:
    return a + b


@dsl.component(base_image=IMAGE)
def say(text: str) -> str:
    print(text)
    return text


@dsl.component(base_image=IMAGE)
def make_dataset(text: str, data: Output[Dataset]):
    data.metadata['length'] = len(text)
    with open(data.path, 'w') as f:
        f.write(text)


@dsl.component(base_image=IMAGE)
def read_dataset(data: Input[Dataset]) -> str:
    return f"{open(data.path).read()}:{data.metadata['length']}"


@dsl.component(base_image=IMAGE)
def fail(message: str = 'no luck'):
    raise SystemExit(message)


@dsl.component(base_image=IMAGE)
def numbers(n: int) -> List[int]:
    return list(range(n))


@dsl.component(base_image=IMAGE)
def total(xs: List[int]) -> int:
    return sum(xs)


@dsl.component(base_image=IMAGE)
def as_text(xs: list) -> str:
    import json
    return json.dumps(xs)


@dsl.container_component
def shell(script: str, out: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image='debian:12', command=['sh', '-ec', 'eval "$0"'], args=[script, out])


@case
def parameters_pass_between_components(c):
    @dsl.pipeline
    def p(x: int = 3, y: int = 4) -> int:
        first = add(a=x, b=y)
        return add(a=first.output).output

    r = c.run(p).succeeded()
    assert r.outputs == {'Output': 9}, r.outputs
    assert c.run(p, x=10).succeeded().outputs == {'Output': 16}


@case
def every_type_of_parameter(c):
    @dsl.component(base_image=IMAGE)
    def types(i: int, f: float, s: str, b: bool, l: list, d: dict) -> NamedTuple('O', [('t', str), ('i', int), ('f', float), ('b', bool), ('l', list), ('d', dict)]):
        from collections import namedtuple
        t = ' '.join(type(x).__name__ for x in (i, s, b, l, d)) + f' {float(f)}'
        return namedtuple('O', 't i f b l d')(t, i + 1, f * 2, not b, l + [1.5], dict(d, z=[1]))

    @dsl.pipeline
    def p(i: int = 1, f: float = 2.0, s: str = 'q', b: bool = True, l: list = [1, 'a'], d: dict = {'k': {'n': 2}}) -> NamedTuple('O', [('t', str), ('i', int), ('f', float), ('b', bool), ('l', list), ('d', dict)]):
        t = types(i=i, f=f, s=s, b=b, l=l, d=d)
        return NamedTuple('O', [('t', str), ('i', int), ('f', float), ('b', bool), ('l', list), ('d', dict)])(*(t.outputs[k] for k in 'tifbld'))

    r = c.run(p).succeeded()
    assert r.outputs == {'t': 'int str bool list dict 2.0', 'i': 2, 'f': 4, 'b': False, 'l': [1, 'a', 1.5], 'd': {'k': {'n': 2}, 'z': [1]}}, r.outputs
    r = c.run(p, i=7, f='0.25', s='007', b='false', l=[], d={}).succeeded()
    assert r.outputs == {'t': 'int str bool list dict 0.25', 'i': 8, 'f': 0.5, 'b': True, 'l': [1.5], 'd': {'z': [1]}}, r.outputs


@case
def parameters_are_checked(c):
    @dsl.pipeline
    def p(count: int, name: str = 'n'):
        add(a=count)

    file = c.compile(p)
    r = c.run_file(file).failed(2)
    assert "needs the parameter 'count'" in r.errors and '-p count=VALUE' in r.errors, r.errors
    r = c.run_file(file, count='many').failed(2)
    assert 'must be an integer' in r.errors, r.errors
    r = c.run_file(file, count=1, naem='x').failed(2)
    assert "did you mean 'name'" in r.errors, r.errors
    assert c.weft('lint', str(file)).returncode == 0


@case
def optional_inputs(c):
    @dsl.component(base_image=IMAGE)
    def opt(a: Optional[str] = None, b: str = 'dflt', n: Optional[int] = None, data: Optional[Input[Dataset]] = None) -> str:
        return f'{a} {b} {n} {data is None}'

    @dsl.pipeline
    def p(a: Optional[str] = None) -> str:
        opt()
        return opt(a=a, n=5).output

    assert c.run(p).succeeded().outputs == {'Output': 'None dflt 5 True'}
    assert c.run(p, a='x').succeeded().outputs == {'Output': 'x dflt 5 True'}


@case
def strings_made_of_values(c):
    @dsl.pipeline(name='strings')
    def p(name: str = 'ann', n: int = 3) -> str:
        s = add(a=n)
        return say(text=f'{name}: {s.output} in {dsl.PIPELINE_TASK_NAME_PLACEHOLDER} "q"').output

    assert c.run(p).succeeded().outputs == {'Output': 'ann: 5 in say "q"'}


@case
def artifacts_pass_with_their_metadata(c):
    @dsl.pipeline
    def p(text: str = 'hello') -> str:
        return read_dataset(data=make_dataset(text=text).outputs['data']).output

    r = c.run(p, text='abc').succeeded()
    assert r.outputs == {'Output': 'abc:3'}, r.outputs
    artifact = r.one('make-dataset')['outputs']['artifacts']['data']
    artifact = artifact[0] if isinstance(artifact, list) else artifact
    assert pathlib.Path(artifact['uri']).read_text() == 'abc', artifact


@case
def metrics_and_models_are_kept(c):
    @dsl.component(base_image=IMAGE)
    def train(model: Output[Model], metrics: Output[Metrics], confusion: Output[ClassificationMetrics]):
        model.framework = 'pure'
        model.metadata['layers'] = 3
        open(model.path, 'w').write('weights')
        metrics.log_metric('accuracy', 0.75)
        metrics.log_metric('rows', 12)
        confusion.log_confusion_matrix(['a', 'b'], [[1, 2], [3, 4]])

    @dsl.pipeline
    def p() -> NamedTuple('O', [('model', Model), ('metrics', Metrics), ('confusion', ClassificationMetrics)]):
        t = train()
        return NamedTuple('O', [('model', Model), ('metrics', Metrics), ('confusion', ClassificationMetrics)])(t.outputs['model'], t.outputs['metrics'], t.outputs['confusion'])

    o = c.run(p).succeeded().outputs
    assert o['metrics']['metadata'] == {'accuracy': 0.75, 'rows': 12}, o
    assert o['model']['metadata'] == {'framework': 'pure', 'layers': 3} and o['model']['type'] == 'system.Model', o
    assert o['confusion']['metadata']['confusionMatrix']['rows'][1]['row'] == [3, 4], o
    assert pathlib.Path(o['model']['uri']).read_text() == 'weights'


@case
def container_components(c):
    @dsl.container_component
    def joined(text: str, n: int, opt: Optional[str] = None, out: dsl.OutputPath(str) = None, data: Output[Dataset] = None):
        return dsl.ContainerSpec(
            image='debian:12', command=['sh', '-c', 'printf %s "$*" > "$0"; echo data > "$1"', out],
            args=[data.path, text, dsl.ConcatPlaceholder(['--n=', n, dsl.ConcatPlaceholder(['/', text])]),
                  dsl.IfPresentPlaceholder('opt', then=['--opt', opt], else_=['--none'])])

    @dsl.pipeline
    def p(opt: Optional[str] = None) -> str:
        return joined(text='a b', n=7, opt=opt).outputs['out']

    text = c.run(p).succeeded().outputs['Output']
    assert text.split(' ', 1)[1] == 'a b --n=7/a b --none', text
    text = c.run(p, opt='yes').succeeded().outputs['Output']
    assert text.split(' ', 1)[1] == 'a b --n=7/a b --opt yes', text


@case
def tasks_in_order_without_data(c):
    @dsl.pipeline
    def p():
        first = say(text='1')
        second = say(text='2').after(first)
        say(text='3').after(first, second)

    r = c.run(p).succeeded()
    ends = [r.one(n) for n in ('say', 'say-2', 'say-3')]
    assert ends[0]['finished_at'] <= ends[1]['started_at'] and ends[1]['finished_at'] <= ends[2]['started_at'], ends


@case
def conditions(c):
    @dsl.pipeline
    def p(x: int = 3, s: str = 'a', b: bool = True, f: float = 0.5):
        n = add(a=x)
        with dsl.If(n.output > 4, name='big'):
            say(text='big')
            with dsl.If(s == 'a', name='and-a'):
                say(text='big a')
        with dsl.If(b == True, name='yes'):  # noqa: E712
            say(text='yes')
        with dsl.If(f <= 0.25, name='low'):
            say(text='low')

    r = c.run(p, x=2).succeeded()
    assert r.states('say') == [] or 'Succeeded' not in r.states('say'), r.states('say')
    assert r.states('say-3') == ['Succeeded'], r.states('say-3')
    r = c.run(p, x=9, s='b', b='false', f='0.1').succeeded()
    assert r.states('say') == ['Succeeded'] and 'Succeeded' not in r.states('say-2') + r.states('say-3') and r.states('say-4') == ['Succeeded']


@case
def one_of_several_branches(c):
    @dsl.pipeline
    def p(x: int = 3) -> str:
        n = add(a=x, b=0)
        with dsl.If(n.output > 4):
            one = say(text='big')
        with dsl.Elif(n.output == 4):
            two = say(text='four')
        with dsl.Else():
            three = say(text='small')
        return say(text=dsl.OneOf(one.output, two.output, three.output)).output

    file = c.compile(p)
    assert [c.run_file(file, x=x).succeeded().outputs['Output'] for x in (9, 4, 1)] == ['big', 'four', 'small']


@case
def one_of_several_artifacts(c):
    @dsl.pipeline
    def p(s: str = 'a') -> str:
        with dsl.If(s == 'a'):
            one = make_dataset(text='first')
        with dsl.Else():
            two = make_dataset(text='second')
        return read_dataset(data=dsl.OneOf(one.outputs['data'], two.outputs['data'])).output

    file = c.compile(p)
    assert c.run_file(file).succeeded().outputs == {'Output': 'first:5'}
    assert c.run_file(file, s='b').succeeded().outputs == {'Output': 'second:6'}


@case
def loops_over_constants_and_inputs(c):
    @dsl.pipeline
    def p(xs: List[int] = [3, 4]) -> str:
        with dsl.ParallelFor([1, 2, 3], parallelism=2) as i:
            a = add(a=i, b=10)
        with dsl.ParallelFor(xs) as i:
            add(a=i)
        return as_text(xs=dsl.Collected(a.output)).output

    r = c.run(p).succeeded()
    assert r.outputs == {'Output': '[11, 12, 13]'}, r.outputs
    assert len(r.leaves('add')) == 3 and len(r.leaves('add-2')) == 2


@case
def loops_over_a_list_made_at_run_time(c):
    @dsl.pipeline
    def p(n: int = 3) -> int:
        xs = numbers(n=n)
        with dsl.ParallelFor(xs.output) as i:
            a = add(a=i, b=1)
        return total(xs=dsl.Collected(a.output)).output

    assert c.run(p).succeeded().outputs == {'Output': 6}
    assert c.run(p, n=0).succeeded().outputs == {'Output': 0}


@case
def loops_over_maps(c):
    @dsl.component(base_image=IMAGE)
    def rows() -> List[Dict[str, int]]:
        return [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]

    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor([{'a': 10, 'b': 20}, {'a': 30, 'b': 40}]) as item:
            fixed = add(a=item.a, b=item.b)
        with dsl.ParallelFor(rows().output) as item:
            made = add(a=item.a, b=item.b)
        one = as_text(xs=dsl.Collected(fixed.output))
        two = as_text(xs=dsl.Collected(made.output))
        return say(text=f'{one.output} {two.output}').output

    assert c.run(p).succeeded().outputs == {'Output': '[30, 70] [3, 7]'}


@case
def loops_within_loops(c):
    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor([1, 2]) as i:
            with dsl.ParallelFor([10, 20]) as j:
                a = add(a=i, b=j)
        return as_text(xs=dsl.Collected(a.output)).output

    assert c.run(p).succeeded().outputs == {'Output': '[[11, 21], [12, 22]]'}


@case
def artifacts_gathered_from_a_loop(c):
    @dsl.component(base_image=IMAGE)
    def join(data: Input[List[Dataset]]) -> str:
        return ','.join(open(d.path).read() for d in data)

    @dsl.pipeline
    def p() -> str:
        with dsl.ParallelFor(['x', 'y', 'z']) as s:
            d = make_dataset(text=s)
        return join(data=dsl.Collected(d.outputs['data'])).output

    assert c.run(p).succeeded().outputs == {'Output': 'x,y,z'}


@case
def conditions_within_loops(c):
    @dsl.pipeline
    def p():
        with dsl.ParallelFor([1, 2, 3, 4]) as i:
            n = add(a=i, b=0)
            with dsl.If(n.output > 2):
                say(text='high')

    r = c.run(p).succeeded()
    assert len([n for n in r.leaves('say') if n['state'] == 'Succeeded']) == 2


@case
def nested_pipelines(c):
    @dsl.pipeline
    def inner(n: int, data: Input[Dataset]) -> NamedTuple('O', [('v', int), ('d', Dataset)]):
        v = add(a=n)
        d = make_dataset(text='inner')
        read_dataset(data=data)
        return NamedTuple('O', [('v', int), ('d', Dataset)])(v.output, d.outputs['data'])

    @dsl.pipeline
    def p() -> str:
        d = make_dataset(text='outer')
        i = inner(n=5, data=d.outputs['data'])
        r = read_dataset(data=i.outputs['d'])
        return say(text=f"{i.outputs['v']} {r.output}").output

    assert c.run(p).succeeded().outputs == {'Output': '7 inner:5'}


@case
def an_exit_handler_runs_after_failure(c):
    @dsl.component(base_image=IMAGE)
    def notify(status: PipelineTaskFinalStatus, to: str) -> str:
        return f"{to} {status.state} {bool(status.error_message)} {status.pipeline_task_name}"

    @dsl.pipeline
    def p(bad: bool = True):
        with dsl.ExitHandler(notify(to='ann'), name='guard'):
            with dsl.If(bad == True):  # noqa: E712
                fail()
            say(text='other')

    r = c.run(p).failed()
    assert r.one('notify')['outputs']['parameters']['Output'] == 'ann FAILED True exit-handler-1', r.one('notify')
    assert r.states('fail') == ['Failed'] and r.states('say') == ['Succeeded']
    r = c.run(p, bad='false').succeeded()
    assert r.one('notify')['outputs']['parameters']['Output'] == 'ann COMPLETE False exit-handler-1'


@case
def what_comes_after_a_failure(c):
    @dsl.pipeline
    def p():
        f = fail()
        say(text='not this').after(f)
        say(text='this one').after(f).ignore_upstream_failure()

    r = c.run(p).failed()
    assert r.states('say') == ['Omitted'] and r.states('say-2') == ['Succeeded'], (r.states('say'), r.states('say-2'))
    assert r.one('fail')['exit_code'] == 1


@case
def retries(c):
    flag = c.folder / 'flag'

    @dsl.pipeline
    def p(flag: str) -> str:
        t = shell(script=f'echo x >> {flag}; test "$(wc -l < {flag})" -ge 3; echo done > "$1"')
        t.set_retry(num_retries=3, backoff_duration='0s')
        return t.output

    r = c.run(p, flag=str(flag)).succeeded()
    assert r.outputs['Output'] == 'done\n' and flag.read_text() == 'x\n' * 3
    flag.unlink()

    @dsl.pipeline
    def q(flag: str):
        with dsl.ParallelFor([1]) as i:
            t = shell(script=f'echo {i} >> {flag}; exit 1')
            t.set_retry(num_retries=1, backoff_duration='0s')

    c.run(q, flag=str(flag)).failed()
    assert flag.read_text() == '1\n' * 2


@case
def importers(c):
    source = c.folder / 'imported.txt'
    source.write_text('from outside')

    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset]) -> str:
        return open(data.path).read() + data.metadata['origin']

    @dsl.pipeline
    def p(uri: str) -> str:
        i = dsl.importer(artifact_uri=uri, artifact_class=Dataset, reimport=False, metadata={'origin': '!'})
        return read(data=i.output).output

    assert c.run(p, uri=str(source)).succeeded().outputs == {'Output': 'from outside!'}


@case
def required_packages(c):
    @dsl.component(base_image=IMAGE, packages_to_install=['six==1.16.0'])
    def versions() -> str:
        import six
        return six.__version__

    @dsl.pipeline
    def p() -> str:
        return versions().output

    assert c.run(p).succeeded().outputs == {'Output': '1.16.0'}


@case
def environment_and_limits(c):
    @dsl.component(base_image=IMAGE)
    def env() -> str:
        import os
        return os.environ['GREETING']

    @dsl.pipeline
    def p() -> str:
        t = env()
        t.set_env_variable('GREETING', 'hello').set_cpu_limit('1').set_memory_limit('1Gi').set_display_name('with env')
        return t.output

    assert c.run(p).succeeded().outputs == {'Output': 'hello'}


@case
def the_cache_answers_the_second_time(c):
    flag = c.folder / 'flag'

    @dsl.pipeline
    def p(flag: str, cached: str) -> str:
        t = shell(script=f'echo x >> {flag}; echo {cached} > "$1"')
        return t.output

    @dsl.pipeline
    def q(flag: str, cached: str) -> str:
        t = shell(script=f'echo x >> {flag}; echo {cached} > "$1"')
        t.set_caching_options(False)
        return t.output

    for expected, pipeline, word in ((1, p, 'a'), (1, p, 'a'), (2, p, 'b'), (3, q, 'a'), (4, q, 'a')):
        r = c.run(pipeline, flag=str(flag), cached=word).succeeded()
        assert r.outputs == {'Output': word + '\n'} and len(flag.read_text().split()) == expected, (expected, r.outputs)
    r = c.run(p, flag=str(flag), cached='a').succeeded()
    assert r.states('shell') == ['Cached'], r.states('shell')


@case
def a_component_compiled_alone(c):
    file = c.compile(add)
    assert c.run_file(file, a=40).succeeded().outputs == {'Output': 42}


@case
def what_a_component_returns_wrongly(c):
    @dsl.component(base_image=IMAGE)
    def none() -> int:
        return None

    @dsl.pipeline
    def p() -> int:
        return add(a=none().output).output

    r = c.run(p)
    assert r.status == 1 and "without giving its output 'Output'" in str(r.document), r.document


@case
def platform_documents(c):
    try:
        from kfp import kubernetes
    except ImportError:
        return

    @dsl.pipeline
    def p() -> str:
        t = say(text='x')
        kubernetes.set_image_pull_policy(t, 'Always')
        return t.output

    assert c.run(p).succeeded().outputs == {'Output': 'x'}

    @dsl.pipeline
    def q():
        t = say(text='x')
        kubernetes.use_secret_as_env(t, 's', {'a': 'B'})

    r = c.run(q).failed(2)
    assert 'secretAsEnv' in r.errors, r.errors


@case
def misspelt_fields_are_refused(c):
    @dsl.pipeline
    def p():
        say(text='1')

    file = c.compile(p)
    text = file.read_text()
    file.write_text(text.replace('enableCache', 'enableCahce'))
    done = c.weft('lint', str(file))
    assert done.returncode == 2 and "did you mean 'enableCache'" in done.stdout + done.stderr, done.stderr
    line = 1 + text[:text.index('enableCache')].count('\n')
    assert f'{file}:{line}:' in done.stdout + done.stderr or f'{file.name}:{line}:' in done.stdout + done.stderr, done.stderr
