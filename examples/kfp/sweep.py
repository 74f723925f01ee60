"""A parameter sweep: a nested pipeline for each combination, retried when it is unlucky, and the best one chosen.

Compile: python3 sweep.py        Run: weft run sweep.yaml
"""
from typing import List

from kfp import compiler, dsl

IMAGE = 'python:3.11-slim'


@dsl.container_component
def fit(rate: float, depth: float, loss: dsl.OutputPath(float)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import sys
rate, depth = float(sys.argv[1]), float(sys.argv[2])
loss = (rate - 0.1) ** 2 + 0.01 * abs(depth - 4)
print(f'rate {rate} depth {depth}: loss {loss:.4f}')
open(sys.argv[3], 'w').write(f'{loss:.4f}')
'''],
        args=[rate, depth, loss])


@dsl.container_component
def describe(rate: float, depth: float, loss: float, trial: dsl.OutputPath(dict)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
json.dump({'rate': float(sys.argv[1]), 'depth': float(sys.argv[2]), 'loss': float(sys.argv[3])}, open(sys.argv[4], 'w'))
'''],
        args=[rate, depth, loss, trial])


@dsl.container_component
def best_of(trials: List[dict], best: dsl.OutputPath(dict)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
json.dump(min(json.loads(sys.argv[1]), key=lambda t: t['loss']), open(sys.argv[2], 'w'))
'''],
        args=[trials, best])


@dsl.pipeline(name='one-trial')
def one_trial(rate: float, depth: float) -> dict:
    fitted = fit(rate=rate, depth=depth)
    fitted.set_retry(num_retries=2, backoff_duration='1s')
    return describe(rate=rate, depth=depth, loss=fitted.output).output


@dsl.pipeline(name='sweep', description='Try every combination, choose the best.')
def sweep() -> dict:
    with dsl.ParallelFor([{'rate': 0.01, 'depth': 2}, {'rate': 0.1, 'depth': 4}, {'rate': 0.5, 'depth': 8}], name='combinations') as point:
        trial = one_trial(rate=point.rate, depth=point.depth)
    return best_of(trials=dsl.Collected(trial.output)).output


if __name__ == '__main__':
    compiler.Compiler().compile(sweep, __file__.replace('.py', '.yaml'))
