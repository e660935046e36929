/* The table of tools: what the program does besides jobs. Each is a file that ends in its entry. */
#include "cli.h"

#include <string.h>

const struct tool *const tools[] = {&tool_exec, &tool_topo, &tool_scale, &tool_report, &tool_new, NULL};

const struct tool *find_tool(const char *name) {
    const struct tool *const *tool = tools;
    while (*tool && strcmp((*tool)->job->name, name) != 0) tool++;
    return *tool;
}
