"""An exit handler: a notification that is sent however the work ended.

Compile: python3 exit_notify.py        Run: weft run exit_notify.yaml -p healthy=false   (the run fails, and is told about)
"""
from kfp import compiler, dsl
from kfp.dsl import PipelineTaskFinalStatus

IMAGE = 'debian:12-slim'


@dsl.container_component
def work(healthy: bool):
    return dsl.ContainerSpec(image=IMAGE, command=['sh', '-c', 'echo "healthy: $0"; test "$0" = true'], args=[healthy])


@dsl.container_component
def notify(to: str, status: PipelineTaskFinalStatus, message: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image=IMAGE, command=['sh', '-c', 'echo "to $0: $1"; printf %s "$1" > "$2"'], args=[to, status, message])


@dsl.pipeline(name='exit-notify', description='Work that may fail, and a notification that always goes out.')
def exit_notify(healthy: bool = True, to: str = 'the team'):
    with dsl.ExitHandler(notify(to=to), name='guarded'):
        work(healthy=healthy)


if __name__ == '__main__':
    compiler.Compiler().compile(exit_notify, __file__.replace('.py', '.yaml'))
