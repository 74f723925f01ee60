"""Branches: what happens to a model depends on its score, and the rest of the pipeline uses whichever branch ran.

Compile: python3 conditional_release.py        Run: weft run conditional_release.yaml -p score=0.93
"""
from kfp import compiler, dsl

IMAGE = 'debian:12-slim'


@dsl.container_component
def act(decision: str, done: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=['sh', '-c', 'echo "decision: $0"; printf %s "$0" > "$1"'], args=[decision, done])


@dsl.container_component
def record(decision: str, score: float, note: str = 'no note'):
    return dsl.ContainerSpec(
        image=IMAGE, command=['echo'],
        args=[dsl.ConcatPlaceholder([decision, ' at ', score]), dsl.IfPresentPlaceholder('note', then=['note:', note], else_=['no note'])])


@dsl.pipeline(name='conditional-release', description='Release, look again, or reject, by score.')
def conditional_release(score: float = 0.87, release_from: float = 0.9) -> str:
    with dsl.If(score >= release_from, name='good'):
        released = act(decision='release')
    with dsl.Elif(score >= 0.5, name='doubtful'):
        reviewed = act(decision='review')
    with dsl.Else(name='bad'):
        rejected = act(decision='reject')
    decision = dsl.OneOf(released.output, reviewed.output, rejected.output)
    record(decision=decision, score=score)
    return decision


if __name__ == '__main__':
    compiler.Compiler().compile(conditional_release, __file__.replace('.py', '.yaml'))
