/* The yardstick: spawn_loop N AT_ONCE PROGRAM [ARGUMENT…] runs PROGRAM N times with posix_spawn and wait, and nothing else. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
        if (argc < 4) {
                fprintf(stderr, "usage: spawn_loop N AT_ONCE PROGRAM [ARGUMENT...]\n");
                return 2;
        }
        int left = atoi(argv[1]), room = atoi(argv[2]), running = 0, bad = 0, status;
        while (left > 0 || running > 0) {
                if (left > 0 && running < room) {
                        pid_t pid;
                        int error = posix_spawn(&pid, argv[3], NULL, NULL, argv + 3, environ);
                        if (error) {
                                fprintf(stderr, "%s: %s\n", argv[3], strerror(error));
                                return 1;
                        }
                        left--;
                        running++;
                        continue;
                }
                if (wait(&status) < 0)
                        return 1;
                running--;
                bad += status != 0;
        }
        return bad != 0;
}
