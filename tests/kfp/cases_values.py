"""Values on their way: every kind of type, placeholder, artifact and metadata."""
import json
import pathlib
import tempfile
from typing import Dict, List, NamedTuple, Optional

from cases import IMAGE, add, as_text, make_dataset, read_dataset, say, shell
from harness import case
from kfp import dsl
from kfp.dsl import HTML, Artifact, ClassificationMetrics, Dataset, Input, InputPath, Markdown, Model, Output, OutputPath


@dsl.container_component
def words(text: str, out: OutputPath(str), n: int = 1, f: float = 1.0, b: bool = True, l: list = [1], d: dict = {'k': 1}, opt: Optional[str] = None,
          data: Output[Dataset] = None):
    """Writes its words, a line each."""
    return dsl.ContainerSpec(
        image='debian:12', command=['sh', '-c', 'for w; do printf "%s\\n" "$w"; done > "$0"', out],
        args=[text, n, f, b, l, d, opt, dsl.ConcatPlaceholder(['n', n, ',', dsl.ConcatPlaceholder([f, '|', text])]),
              dsl.IfPresentPlaceholder('opt', then=['--opt', dsl.ConcatPlaceholder(['<', opt, '>'])], else_=['--no-opt', text]),
              dsl.ConcatPlaceholder(['x', dsl.IfPresentPlaceholder('opt', then='yes', else_='no')]), data.uri, data.path])


@case
def words_of_containers(c):
    @dsl.pipeline
    def p(opt: Optional[str] = None) -> str:
        return words(text='a "b" {c}', f=2.0, n=3, l=[1, 'x', {'y': 2.5}], d={'z': [True]}, opt=opt).outputs['out']

    file = c.compile(p)
    plain = ['a "b" {c}', '3', '2', 'true', '[1,"x",{"y":2.5}]', '{"z":[true]}']
    lines = c.run_file(file).succeeded().outputs['Output'].splitlines()
    assert lines[:11] == plain + ['', 'n3,2|a "b" {c}', '--no-opt', 'a "b" {c}', 'xno'], lines
    assert lines[11] == lines[12] and lines[11].endswith('/data'), lines
    lines = c.run_file(file, opt='o p').succeeded().outputs['Output'].splitlines()
    assert lines[:11] == plain + ['o p', 'n3,2|a "b" {c}', '--opt', '<o p>', 'xyes'], lines


@case
def metadata_of_inputs_in_a_command(c):
    @dsl.component(base_image=IMAGE)
    def train(model: Output[Model]):
        model.metadata.update({'acc': 0.5, 'layers': 3, 'shape': {'in': [1, 2]}, 'name': 'net'})
        open(model.path, 'w').write('w')

    @dsl.container_component
    def show(model: Input[Model], out: OutputPath(str)):
        return dsl.ContainerSpec(image='debian:12', command=['sh', '-c', 'printf "%s|" "$@" > "$0"', out],
                                 args=[model.metadata['acc'], model.metadata['layers'], model.metadata['shape'], model.metadata['name'], model.metadata['none'],
                                       model.uri, model.path])

    @dsl.pipeline
    def p() -> str:
        return show(model=train().outputs['model']).outputs['out']

    r = c.run(p).succeeded()
    got = r.outputs['Output'].split('|')
    assert got[:5] == ['0.5', '3', '{"in":[1,2]}', 'net', ''], got
    assert got[5] == got[6] and pathlib.Path(got[5]).read_text() == 'w', got


@case
def facts_of_the_run(c):
    @dsl.pipeline(name='the-facts')
    def p() -> str:
        t = say(text='|'.join([dsl.PIPELINE_JOB_NAME_PLACEHOLDER, dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER, dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                               dsl.PIPELINE_TASK_NAME_PLACEHOLDER, dsl.PIPELINE_TASK_ID_PLACEHOLDER, dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER,
                               dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER, dsl.PIPELINE_ROOT_PLACEHOLDER]))
        return t.output

    r = c.run(p).succeeded()
    job, resource, uid, task, task_id, created, scheduled, root = r.outputs['Output'].split('|')
    assert job and resource.startswith('the-facts') and task == 'say' and len(task_id) == len(uid) and created == scheduled, r.outputs
    assert created.endswith('Z') and created.startswith('20') and pathlib.Path(root).is_dir(), r.outputs


@case
def a_workspace_is_shared_by_the_tasks_of_a_run(c):
    @dsl.component(base_image=IMAGE)
    def leave(workspace: str):
        open(workspace + '/note', 'w').write('left')

    @dsl.component(base_image=IMAGE)
    def find(workspace: str) -> str:
        return open(workspace + '/note').read()

    @dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size='1Gi', kubernetes=dsl.KubernetesWorkspaceConfig(pvcSpecPatch={}))))
    def p() -> str:
        first = leave(workspace=dsl.WORKSPACE_PATH_PLACEHOLDER)
        return find(workspace=dsl.WORKSPACE_PATH_PLACEHOLDER).after(first).output

    assert c.run(p).succeeded().outputs == {'Output': 'left'}


@case
def literals_are_checked(c):
    @dsl.pipeline
    def p(color: str = 'blue') -> str:
        return say(text=color).output

    file = c.compile(p)
    text = file.read_text()
    file.write_text(text.replace('defaultValue: blue\n', 'defaultValue: blue\n        literals: [red, blue]\n'))
    assert c.run_file(file).succeeded().outputs == {'Output': 'blue'}
    r = c.run_file(file, color='green').failed(2)
    assert "must be one of 'red', 'blue', and is 'green'" in r.errors, r.errors


@case
def parameters_in_json_are_of_their_kind(c):
    @dsl.pipeline
    def p(n: int, f: float = 1.5, s: str = 's', b: bool = False, l: list = [], d: dict = {}) -> str:
        return as_text(xs=[n, f, s, b, l, d]).output

    file = c.compile(p)
    good = {'n': 5, 'f': 2, 's': '7', 'b': True, 'l': [1, {'a': None}], 'd': {'x': [1.5]}}
    params = c.folder / 'params.json'
    params.write_text(json.dumps(good))
    for given in (str(params), json.dumps(good)):
        r = c.run_file(file, '--params', given).succeeded()
        assert json.loads(r.outputs['Output']) == list(good.values()), r.outputs
    for name, wrong, why in (('n', '5', 'take the quotes off'), ('s', 5, 'put it in quotes'), ('b', 'true', 'must be true or false'), ('l', {}, 'must be a list'),
                             ('d', [], 'must be a map'), ('n', 1.5, 'must be an integer'), ('n', None, 'and is null')):
        r = c.run_file(file, '--params', json.dumps({**good, name: wrong})).failed(2)
        assert f"'{name}'" in r.errors and why in r.errors, (name, r.errors)


@case
def values_that_are_not_what_was_declared(c):
    @dsl.component(base_image=IMAGE)
    def text() -> str:
        return 'many'

    @dsl.component(base_image=IMAGE)
    def half() -> float:
        return 2.5

    @dsl.pipeline
    def p():
        say(text='to compile')

    @dsl.pipeline
    def q() -> str:
        return say(text=f'{half().output}').output

    assert c.run(q).succeeded().outputs == {'Output': '2.5'}
    file = c.compile(p)
    spec = file.read_text()
    file.write_text(spec.replace('constant: to compile', 'constant: [1, 2]'))
    assert c.run_file(file).succeeded().one('say')['outputs']['parameters'] == {'Output': '[1,2]'}


@case
def texts_of_every_kind(c):
    tricky = 'ä "q" \'s\' $HOME `x` {{no}} {"Concat": 1} \\n\ttab %s'

    @dsl.pipeline
    def p(text: str = tricky) -> str:
        once = say(text=text)
        return say(text=once.output).output

    file = c.compile(p)
    assert c.run_file(file).succeeded().outputs == {'Output': tricky}
    assert c.run_file(file, text='a\nb\n').succeeded().outputs == {'Output': 'a\nb\n'}
    assert c.run_file(file, text='').succeeded().outputs == {'Output': ''}
    assert c.run_file(file, text='x' * 100000).succeeded().outputs == {'Output': 'x' * 100000}


@case
def numbers_keep_their_digits(c):
    @dsl.component(base_image=IMAGE)
    def rows() -> list:
        return [{'id': 1234567890123456789, 'f': 0.1}, {'id': 7, 'f': 2.0}]

    @dsl.component(base_image=IMAGE)
    def show(i: int, f: float) -> str:
        return f'{i!r} {f!r}'

    @dsl.pipeline
    def p(big: int = 5) -> str:
        with dsl.ParallelFor(rows().output) as row:
            t = show(i=row.id, f=row.f)
        show(i=big, f=3.0)
        return as_text(xs=dsl.Collected(t.output)).output

    r = c.run(p, big=9007199254740993).succeeded()
    assert r.outputs == {'Output': '["1234567890123456789 0.1", "7 2.0"]'} or r.outputs == {'Output': '["1234567890123456789 0.1", "7 2"]'}, r.outputs
    assert r.one('show-2')['outputs']['parameters']['Output'].startswith('9007199254740993 '), r.one('show-2')


@case
def paths_instead_of_values(c):
    @dsl.component(base_image=IMAGE)
    def write(number: OutputPath(int), data: OutputPath('Dataset'), names: OutputPath(list)):
        open(number, 'w').write(' 12\n')
        open(data, 'w').write('rows')
        open(names, 'w').write('["a", "b"]')

    @dsl.component(base_image=IMAGE)
    def read(number: int, names: list, data: InputPath('Dataset')) -> str:
        return f'{number + 1} {names} {open(data).read()}'

    @dsl.pipeline
    def p() -> str:
        w = write()
        return read(number=w.outputs['number'], names=w.outputs['names'], data=w.outputs['data']).output

    assert c.run(p).succeeded().outputs == {'Output': "13 ['a', 'b'] rows"}


@case
def several_outputs_of_all_kinds(c):
    O = NamedTuple('O', [('n', int), ('words', List[str]), ('by', Dict[str, float])])

    @dsl.component(base_image=IMAGE)
    def make(data: Output[Dataset]) -> NamedTuple('O', [('n', int), ('words', List[str]), ('by', Dict[str, float])]):
        from collections import namedtuple
        open(data.path, 'w').write('d')
        return namedtuple('O', 'n words by')(1, ['a', 'ü'], {'x': 0.25})

    @dsl.pipeline
    def p() -> NamedTuple('P', [('n', int), ('words', list), ('by', dict), ('data', Dataset)]):
        m = make()
        return NamedTuple('P', [('n', int), ('words', list), ('by', dict), ('data', Dataset)])(m.outputs['n'], m.outputs['words'], m.outputs['by'], m.outputs['data'])

    o = c.run(p).succeeded().outputs
    assert (o['n'], o['words'], o['by']) == (1, ['a', 'ü'], {'x': 0.25}) and o['data']['type'] == 'system.Dataset', o


@case
def reports_are_kept(c):
    @dsl.component(base_image=IMAGE)
    def report(html: Output[HTML], markdown: Output[Markdown], roc: Output[ClassificationMetrics], plain: Output[Artifact]):
        open(html.path, 'w').write('<b>x</b>')
        open(markdown.path, 'w').write('# x')
        roc.log_roc_curve([0.0, 0.5, 1.0], [0.0, 0.9, 1.0], [0.9, 0.5, 0.1])
        plain.metadata['note'] = {'deep': [1, 2.5, None, True]}
        plain.uri = '/somewhere/else'

    @dsl.pipeline
    def p():
        report()

    r = c.run(p).succeeded()
    a = r.one('report')['outputs']['artifacts']
    assert pathlib.Path(a['html']['uri']).read_text() == '<b>x</b>' and a['markdown']['type'] == 'system.Markdown', a
    assert a['roc']['metadata']['confidenceMetrics'][1] == {'confidenceThreshold': 0.5, 'falsePositiveRate': 0.5, 'recall': 0.9}, a
    assert a['plain']['uri'] == '/somewhere/else' and a['plain']['metadata'] == {'note': {'deep': [1, 2.5, None, True]}}, a


@case
def a_folder_is_an_artifact(c):
    @dsl.component(base_image=IMAGE)
    def make(data: Output[Dataset]):
        import os
        os.makedirs(data.path + '/deep')
        open(data.path + '/deep/a.txt', 'w').write('in a folder')

    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset]) -> str:
        return open(data.path + '/deep/a.txt').read()

    @dsl.pipeline
    def p() -> str:
        return read(data=make().outputs['data']).output

    assert c.run(p).succeeded().outputs == {'Output': 'in a folder'}


@case
def components_that_return_artifacts(c):
    @dsl.component(base_image=IMAGE)
    def make(where: str) -> Dataset:
        open(where, 'w').write('made')
        return Dataset(uri=where, metadata={'rows': 2})

    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset]) -> str:
        return open(data.path).read() + str(data.metadata['rows'])

    @dsl.pipeline
    def p(where: str) -> str:
        return read(data=make(where=where).output).output

    assert c.run(p, where=str(c.folder / 'made.txt')).succeeded().outputs == {'Output': 'made2'}


@case
def importers_take_what_is_there(c):
    folder = c.folder / 'in'
    folder.mkdir()
    (folder / 'a.txt').write_text('inside')

    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset]) -> str:
        return open(data.path + '/a.txt').read() + str(data.metadata['of']['n'])

    @dsl.pipeline
    def p(n: int = 4) -> str:
        i = dsl.importer(artifact_uri=str(folder), artifact_class=Dataset, reimport=True, metadata={'of': {'n': n}, str(n): 'key'})
        return read(data=i.output).output

    r = c.run(p).succeeded()
    assert r.outputs == {'Output': 'inside4'}, r.outputs

    @dsl.pipeline
    def q():
        dsl.importer(artifact_uri='gs://bucket/data', artifact_class=Dataset)

    r = c.run(q).succeeded()
    assert '/gcs/bucket/data' in r.errors, r.errors


@case
def artifacts_left_at_paths_of_their_own(c):
    @dsl.component(base_image=IMAGE)
    def make(data: Output[Dataset], folder: Output[Artifact], never: Output[Artifact]):
        import os
        data.set_path('/tmp/out_dataset')
        folder.set_path('/tmp/out/folder')
        never.set_path('/tmp/never')
        open(data.path, 'w').write('Hello')
        os.makedirs(folder.path)
        open(folder.path + '/part', 'w').write('World')
        data.metadata['n'] = 1

    @dsl.component(base_image=IMAGE)
    def read(data: Input[Dataset], folder: Input[Artifact]) -> str:
        return open(data.path).read() + str(data.metadata) + open(folder.path + '/part').read()

    @dsl.pipeline
    def p() -> NamedTuple('O', [('text', str), ('data', Dataset)]):
        made = make()
        outputs = NamedTuple('O', [('text', str), ('data', Dataset)])
        return outputs(read(data=made.outputs['data'], folder=made.outputs['folder']).output, made.outputs['data'])

    r = c.run(p).succeeded()
    assert r.outputs['text'] == "Hello{'n': 1}World", r.outputs
    assert pathlib.Path(r.outputs['data']['uri']).read_text() == 'Hello', r.outputs
    assert r.outputs['data']['uri'].startswith(str(c.data)), r.outputs


@case
def names_within_metadata_of_importers(c):
    there = c.folder / 'there.txt'
    there.write_text('t')

    @dsl.component(base_image=IMAGE)
    def show(data: Input[Dataset]) -> dict:
        return data.metadata

    @dsl.pipeline
    def p(key: str = 'k') -> dict:
        made = say(text='made')
        data = dsl.importer(artifact_uri=str(there), artifact_class=Dataset, metadata={key: [key, 'x'], made.output: {'in': f'<{made.output}>'}})
        return show(data=data.output).output

    assert c.run(p).succeeded().outputs == {'Output': {'k': ['k', 'x'], 'made': {'in': '<made>'}}}


@case
def imports_from_the_machines_tmp(c):
    @dsl.component(base_image=IMAGE)
    def read(a: Input[Dataset], b: Input[Dataset], folder: Input[Dataset]) -> str:
        return open(a.path).read() + open(b.path).read() + open(folder.path + '/in/file').read() + open(folder.path + '/other').read()

    @dsl.pipeline
    def p(uri: str, folder: str) -> str:
        data = dsl.importer(artifact_uri=uri, artifact_class=Dataset)
        return read(a=data.output, b=data.output, folder=dsl.importer(artifact_uri=folder, artifact_class=Dataset).output).output

    with tempfile.TemporaryDirectory(dir='/tmp') as there:
        pathlib.Path(there, 'in').mkdir()
        pathlib.Path(there, 'in/file').write_text('x')
        pathlib.Path(there, 'other').write_text('y')
        r = c.run(p, uri=there + '/in/file', folder=there).succeeded()
    assert r.outputs == {'Output': 'xxxy'}, r.outputs


@case
def images_known_at_run_time(c):
    @dsl.pipeline
    def p(image: str = 'python:3.11') -> NamedTuple('O', [('a', int), ('b', str)]):
        t = add(a=1, b=2).set_container_image(image)
        u = say(text='u').set_container_image(say(text='python:3.11').output)
        outputs = NamedTuple('O', [('a', int), ('b', str)])
        return outputs(t.output, u.output)

    file = c.compile(p)
    done = c.weft('lint', str(file))
    assert done.returncode == 0 and 'warning' not in done.stderr, done.stderr
    assert c.run_file(file).succeeded().outputs == {'a': 3, 'b': 'u'}
    text = file.read_text()
    file.write_text(text.replace("image: '{{$.inputs.parameters[''", "image: '{{$.inputs.parameters[''no-"))
    assert file.read_text() != text
    done = c.weft('lint', str(file))
    assert done.returncode == 2 and "container.image: a placeholder names the input 'no-" in done.stderr, done.stderr


@case
def limits_known_at_run_time(c):
    @dsl.pipeline
    def p(memory: str = '512Mi') -> int:
        t = add(a=1, b=2)
        t.set_cpu_limit(say(text='2000m').output).set_memory_limit(memory).set_memory_request(say(text='64Mi').output)
        t.set_accelerator_type(say(text='some').output).set_accelerator_limit(say(text='0').output)
        return t.output

    file = c.compile(p)
    assert c.run_file(file).succeeded().outputs == {'Output': 3}
    r = c.run_file(file, memory='much').failed(1)
    assert "the limit of memory is 'much', which is no quantity" in r.message, r.message


@case
def numbers_that_no_machine_can_hold(c):
    @dsl.pipeline
    def p(f: float = 1.0) -> str:
        return as_text(xs=[f]).output

    r = c.run(p, f='1e400').failed(2)
    assert "the parameter 'f' must be a number, and is '1e400'" in r.errors, r.errors


def fields(message, known, path='', seen=None):
    """Every field of a message of the IR that `weft help kfp` does not list, going down where Weft uses what is there."""
    seen = set() if seen is None else seen
    if message.full_name in seen or message.full_name.startswith('google.protobuf.') or message.name == 'Value':
        return []
    seen.add(message.full_name)
    missing = [f'{path}.{f.json_name}' for f in message.fields if f.json_name not in known]
    for f in message.fields:
        below = f.message_type
        if below and below.GetOptions().map_entry:
            below = below.fields_by_name['value'].message_type
        if below and known.get(f.json_name) == {'used'}:
            missing += fields(below, known, f'{path}.{f.json_name}', seen)
    return missing


@case
def every_field_of_the_sdk_is_known(c):
    from kfp.pipeline_spec import pipeline_spec_pb2 as ir
    known = {}
    for line in c.weft('help', 'kfp').stdout.splitlines():
        words = line.split()
        if line.startswith('  ') and len(words) > 1:
            known.setdefault(words[0], set()).add(words[1])
    missing = fields(ir.PipelineSpec.DESCRIPTOR, known) + fields(ir.PipelineDeploymentConfig.DESCRIPTOR, known) + fields(ir.PlatformSpec.DESCRIPTOR, known)
    try:
        from kfp.kubernetes import kubernetes_executor_config_pb2 as platform
        missing += [f.json_name for f in platform.KubernetesExecutorConfig.DESCRIPTOR.fields if f.json_name not in known]
    except ImportError:
        pass
    assert not missing, missing


@case
def the_run_is_told_as_the_api_does(c):
    import kfp_server_api as api

    @dsl.pipeline
    def p(n: int = 1) -> int:
        with dsl.ParallelFor([1, 2]) as i:
            add(a=n, b=i)
        return add(a=n).output

    r = c.run(p, n=4).succeeded()
    run = json.loads(c.weft('get', r.document['id'], '-o', 'kfp').stdout)

    def check(kind, message):
        unknown = set(message) - set(kind.attribute_map.values())
        assert not unknown, (kind, unknown)

    check(api.V2beta1Run, run)
    for task in run['run_details']['task_details']:
        check(api.V2beta1PipelineTaskDetail, task)
        assert task['run_id'] == run['run_id'] and task['state'] == 'SUCCEEDED', task
        assert [s['state'] for s in task['state_history']][-1] == 'SUCCEEDED', task
    ids = {t['task_id'] for t in run['run_details']['task_details']}
    assert all(child['task_id'] in ids for t in run['run_details']['task_details'] for child in t.get('child_tasks', ())), ids
    class Answer:
        data = json.dumps(run)
    parsed = api.ApiClient().deserialize(Answer, 'V2beta1Run')
    assert parsed.state == 'SUCCEEDED' and parsed.runtime_config.parameters == {'n': 4} and parsed.pipeline_spec['pipelineInfo']['name'] == 'p', parsed
    assert parsed.finished_at >= parsed.created_at and parsed.error is None, parsed


@case
def environment_from_inputs(c):
    @dsl.container_component
    def env(name: str, out: OutputPath(str)):
        return dsl.ContainerSpec(image='debian:12', command=['sh', '-c', 'printf %s "$WHO" > "$0"', out])

    @dsl.pipeline
    def p(who: str = 'ann') -> str:
        return env(name=who).set_env_variable('WHO', 'to you').outputs['out']

    assert c.run(p).succeeded().outputs == {'Output': 'to you'}


@case
def a_lightweight_component_sees_arguments_as_they_are(c):
    @dsl.component(base_image=IMAGE)
    def back(s: str, l: List[Dict[str, int]], o: Optional[int] = None, f: float = 1) -> str:
        import json
        return json.dumps([s, l, o, type(f).__name__ in ('int', 'float')])

    @dsl.pipeline
    def p() -> str:
        return back(s='{"a": 1}', l=[{'x': 1}]).output

    assert json.loads(c.run(p).succeeded().outputs['Output']) == ['{"a": 1}', [{'x': 1}], None, True]
