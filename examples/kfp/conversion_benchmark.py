"""Model conversion with a benchmark fan-out: convert a model to several precisions at once, measure each, choose.

Compile: python3 conversion_benchmark.py        Run: weft run conversion_benchmark.yaml
"""
from typing import List

from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Model, Output

IMAGE = 'python:3.11-slim'


@dsl.container_component
def export_model(weights: int, model: Output[Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import array, math, sys
values = array.array('d', (math.sin(i) for i in range(int(sys.argv[1]))))
values.tofile(open(sys.argv[2], 'wb'))
'''],
        args=[weights, model.path])


@dsl.container_component
def convert(model: Input[Model], precision: str, converted: Output[Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import array, struct, sys
source, precision, target = sys.argv[1:]
values = array.array('d', open(source, 'rb').read())
code = {'fp32': 'f', 'fp16': 'e', 'int8': 'b'}[precision]
scaled = [round(v * 127) for v in values] if precision == 'int8' else values
open(target, 'wb').write(struct.pack(f'<{len(scaled)}{code}', *scaled))
print(precision, struct.calcsize(code) * len(scaled), 'bytes')
'''],
        args=[model.path, precision, converted.path])


@dsl.container_component
def benchmark(reference: Input[Model], converted: Input[Model], precision: str, result: dsl.OutputPath(dict)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import array, json, os, struct, sys
reference, converted, precision, result = sys.argv[1:]
exact = array.array('d', open(reference, 'rb').read())
data = open(converted, 'rb').read()
code, scale = {'fp32': ('f', 1), 'fp16': ('e', 1), 'int8': ('b', 127)}[precision]
values = [v / scale for v in struct.unpack(f'<{len(exact)}{code}', data)]
error = max(abs(a - b) for a, b in zip(exact, values))
json.dump({'precision': precision, 'bytes': len(data), 'error': round(error, 6)}, open(result, 'w'))
'''],
        args=[reference.path, converted.path, precision, result])


@dsl.container_component
def choose(results: List[dict], error_max: float, report: Output[Dataset], best: dsl.OutputPath(str)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
results, error_max, report, best = json.loads(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
good = sorted((r for r in results if r['error'] <= error_max), key=lambda r: r['bytes'])
json.dump(results, open(report, 'w'), indent=1)
open(best, 'w').write(good[0]['precision'] if good else 'none')
for r in results:
    print(r)
'''],
        args=[results, error_max, report.path, best])


@dsl.pipeline(name='conversion-benchmark', description='Convert a model to several precisions and choose the smallest that is exact enough.')
def conversion_benchmark(weights: int = 2000, precisions: List[str] = ['fp32', 'fp16', 'int8'], error_max: float = 0.001) -> str:
    exported = export_model(weights=weights)
    with dsl.ParallelFor(precisions, parallelism=4, name='precisions') as precision:
        converted = convert(model=exported.outputs['model'], precision=precision)
        measured = benchmark(reference=exported.outputs['model'], converted=converted.outputs['converted'], precision=precision)
    chosen = choose(results=dsl.Collected(measured.outputs['result']), error_max=error_max)
    return chosen.outputs['best']


if __name__ == '__main__':
    compiler.Compiler().compile(conversion_benchmark, __file__.replace('.py', '.yaml'))
