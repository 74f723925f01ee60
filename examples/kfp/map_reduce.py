"""Map and reduce over a list that is computed at run time.

Compile: python3 map_reduce.py        Run: weft run map_reduce.yaml -p text='to be or not to be'
"""
from typing import List

from kfp import compiler, dsl

IMAGE = 'python:3.11-slim'


@dsl.container_component
def split(text: str, size: int, chunks: dsl.OutputPath(List[str])):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import json, sys
words, size = sys.argv[1].split(), int(sys.argv[2])
json.dump([' '.join(words[i:i + size]) for i in range(0, len(words), size)], open(sys.argv[3], 'w'))
'''],
        args=[text, size, chunks])


@dsl.container_component
def count(chunk: str, counts: dsl.OutputPath(dict)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import collections, json, sys
json.dump(collections.Counter(sys.argv[1].lower().split()), open(sys.argv[2], 'w'))
'''],
        args=[chunk, counts])


@dsl.container_component
def merge(parts: List[dict], total: dsl.OutputPath(dict)):
    return dsl.ContainerSpec(
        image=IMAGE,
        command=['python3', '-c', '''
import collections, json, sys
total = collections.Counter()
for part in json.loads(sys.argv[1]):
    total.update(part)
print(total.most_common(3))
json.dump(total, open(sys.argv[2], 'w'), sort_keys=True)
'''],
        args=[parts, total])


@dsl.pipeline(name='map-reduce', description='Count words in parallel.')
def map_reduce(text: str = 'the fan out and the fan in and the end', size: int = 3) -> dict:
    pieces = split(text=text, size=size)
    with dsl.ParallelFor(pieces.output, name='chunks') as chunk:
        counted = count(chunk=chunk)
    return merge(parts=dsl.Collected(counted.output)).output


if __name__ == '__main__':
    compiler.Compiler().compile(map_reduce, __file__.replace('.py', '.yaml'))
