/* Runs commands in workers: a task's command with its output kept, and how it ended. */
#include "exec.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int exec_run_pack(const struct exec *exec, struct exec_bytes *to) { return exec_template_pack(exec->template, to); }

static int run(char *const *argv, int out, int *status) {
    pid_t pid;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc) {
        *status = 127 << 8;
        return 0;
    }
    return waitpid(pid, status, 0) == pid ? 0 : RP_ESYSTEM;
}

static int run_kept(rp_task *task, struct exec_command *command) {
    char data[4096];
    FILE *file = tmpfile();
    int status = 0, rc = file ? run(command->argv, fileno(file), &status) : RP_ESYSTEM;
    if (!rc) rc = rp_task_write(task, &status, sizeof status);
    if (!rc) rewind(file);
    for (size_t got; !rc && (got = fread(data, 1, sizeof data, file)) > 0;) rc = rp_task_write(task, data, got);
    if (file) fclose(file);
    return rc;
}

static int item(rp_task *task, const void *input, size_t size) {
    struct exec_template *template;
    size_t used, args_size, count = 0;
    const void *args = rp_task_args(task, &args_size);
    const char *next = input;
    if (exec_template_unpack(&template, args, args_size, &used)) return RP_EPROTOCOL;
    for (size_t i = 0; i < size; i++) count += !next[i];
    const char **value = calloc(count + 1, sizeof *value);
    for (size_t i = 0; value && i < count; i++, next += strlen(next) + 1) value[i] = next;
    struct exec_values values = {rp_task_index(task) + 1, rp_task_where(task)->worker + 1, count, value};
    struct exec_command command = {0};
    int rc = value ? exec_template_fill(template, &values, &command) : RP_ENOMEM;
    if (!rc) rc = run_kept(task, &command);
    exec_command_free(&command);
    free(value);
    exec_template_free(template);
    return rc;
}

const rp_kernel exec_kernel = {.name = "exec", .item = item, .flags = RP_ONCE};
