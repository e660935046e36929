/* What rank 0 tells every worker of `rankpool exec`, once: the options that concern it, and the template. */
#include "exec/runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static void pack_variable(struct exec_bytes *to, const char *variable) {
    exec_bytes_text(to, variable);
    if (!strchr(variable, '=')) { /* its value is that of here; where it has none it is empty */
        const char *value = getenv(variable);
        exec_bytes_text(to, "=");
        exec_bytes_text(to, value ? value : "");
    }
    exec_bytes_add(to, "", 1);
}

int exec_told_pack(const struct exec *exec, struct exec_bytes *to) {
    const struct exec_options *options = &exec->options;
    struct exec_told told;
    memset(&told, 0, sizeof told); /* with what is between its fields */
    told.timeout_s = options->timeout_s;
    told.retries = options->retries;
    told.env_count = (uint32_t)options->env_count;
    told.in_folder = options->workdir != NULL;
    told.line_buffer = options->line_buffer;
    told.tag = exec->tag != NULL;
    told.show_out = options->show_out;
    told.serve = options->serve;
    told.serve_end = options->serve_end != NULL;
    if (getrandom(&told.run, sizeof told.run, 0) != sizeof told.run) told.run = (uint64_t)getpid();
    exec_bytes_add(to, &told, sizeof told);
    if (options->workdir) exec_bytes_add(to, options->workdir, strlen(options->workdir) + 1);
    if (options->serve_end) exec_bytes_add(to, options->serve_end, strlen(options->serve_end) + 1);
    for (size_t i = 0; i < options->env_count; i++) pack_variable(to, options->env[i]);
    int rc = exec_template_pack(exec->template, to);
    return rc || !exec->tag ? rc : exec_template_pack(exec->tag, to);
}

int exec_told_unpack(struct exec_runner *runner, const char *args, size_t size) {
    size_t used;
    const char *at = args + sizeof runner->told, *end = args + size;
    memcpy(&runner->told, args, sizeof runner->told);
    runner->env = calloc((size_t)runner->told.env_count + 1, sizeof *runner->env);
    if (!runner->env) return RP_ENOMEM;
    if (runner->told.in_folder) {
        runner->folder = at;
        at += strlen(at) + 1;
    }
    if (runner->told.serve_end) {
        runner->server.end = at;
        at += strlen(at) + 1;
    }
    for (uint32_t i = 0; i < runner->told.env_count; i++, at += strlen(at) + 1) runner->env[i] = at;
    int rc = exec_template_unpack(&runner->template, at, (size_t)(end - at), &used);
    if (rc || !runner->told.tag) return rc;
    at += used;
    return exec_template_unpack(&runner->tag, at, (size_t)(end - at), &used);
}
