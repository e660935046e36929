/* bench_exec COUNT: starts /bin/true COUNT times, one after the other, by posix_spawn and waitpid: what a command costs
 * where nothing deals commands out and nobody asks how they ended. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(int argc, char *argv[]) {
    extern char **environ;
    char *command[] = {(char *)"/bin/true", (char *)"run", (char *)"1", NULL};
    long count = argc == 2 ? atol(argv[1]) : 0;
    if (count < 1) {
        fputs("usage: bench_exec COUNT\n", stderr);
        return 2;
    }
    while (count-- > 0) {
        pid_t pid;
        int status;
        if (posix_spawn(&pid, command[0], NULL, NULL, command, environ) || waitpid(pid, &status, 0) != pid || status) {
            fputs("bench_exec: /bin/true does not run\n", stderr);
            return 1;
        }
    }
    return 0;
}
