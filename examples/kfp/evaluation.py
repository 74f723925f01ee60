"""An evaluation pipeline: make data, train, evaluate, keep the metrics.

Compile: python3 evaluation.py        Run: weft run evaluation.yaml -p samples=500
"""
from kfp import compiler, dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

IMAGE = 'python:3.11-slim'


@dsl.container_component
def make_data(samples: int, seed: int, data: Output[Dataset]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import random, sys
samples, seed, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
random.seed(seed)
with open(path, 'w') as out:
    for _ in range(samples):
        label = random.randint(0, 1)
        out.write(f'{random.gauss(2.0 * label, 0.8):.4f},{label}\\n')
print(f'{samples} samples in {path}')
'''],
        args=[samples, seed, data.path])


@dsl.container_component
def train(data: Input[Dataset], model: Output[Model]):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
rows = [line.split(',') for line in open(sys.argv[1])]
mean = lambda label: (lambda xs: sum(xs) / len(xs))([float(x) for x, y in rows if int(y) == label])
threshold = (mean(0) + mean(1)) / 2
json.dump({'threshold': threshold}, open(sys.argv[2], 'w'))
json.dump({'artifacts': {'model': {'artifacts': [{'name': 'model', 'metadata': {'framework': 'stdlib', 'samples': len(rows)}}]}}},
          open(sys.argv[3], 'w'))
print('threshold', threshold)
'''],
        args=[data.path, model.path, '{{$.outputs.output_file}}'])


@dsl.container_component
def evaluate(data: Input[Dataset], model: Input[Model], metrics: Output[Metrics], accuracy: dsl.OutputPath(float)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
data, model, accuracy_file, outputs_file = sys.argv[1:]
threshold = json.load(open(model))['threshold']
rows = [(float(x), int(y)) for x, y in (line.split(',') for line in open(data))]
hits = [(x > threshold) == bool(y) for x, y in rows]
found = [y for x, y in rows if x > threshold]
accuracy, precision = sum(hits) / len(hits), sum(found) / max(1, len(found))
print('accuracy', accuracy, 'precision', precision)
open(accuracy_file, 'w').write(str(accuracy))
json.dump({'artifacts': {'metrics': {'artifacts': [{'name': 'metrics', 'metadata': {'accuracy': accuracy, 'precision': precision}}]}}},
          open(outputs_file, 'w'))
'''],
        args=[data.path, model.path, accuracy, '{{$.outputs.output_file}}'])


@dsl.pipeline(name='evaluation', description='Make data, train a classifier, evaluate it.')
def evaluation(samples: int = 200, seed: int = 7) -> float:
    training = make_data(samples=samples, seed=seed).set_display_name('training data')
    held_out = make_data(samples=samples, seed=99).set_display_name('held-out data')
    trained = train(data=training.outputs['data'])
    result = evaluate(data=held_out.outputs['data'], model=trained.outputs['model'])
    return result.outputs['accuracy']


if __name__ == '__main__':
    compiler.Compiler().compile(evaluation, __file__.replace('.py', '.yaml'))
