/* See sim_case.h. */
#include "sim_case.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *name;
    size_t at;
};
#define WORD(name)                                                                                                     \
    { #name, offsetof(struct sim_case, name) }

static bool read_word(struct sim_case *simulated, const char *word) {
    static const struct word words[] = {
        WORD(workers),       WORD(task_us),       WORD(tasks),        WORD(chunk),        WORD(range),
        WORD(pure),          WORD(slow_half),     WORD(straggler),    WORD(bypass),       WORD(message),
        WORD(master_result), WORD(master_record), WORD(master_deal),  WORD(agent_work),   WORD(agent_result),
        WORD(agent_record),  WORD(agent_poll),    WORD(agent_worker), WORD(worker_chunk), WORD(worker_record)};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i].name);
        if (strncmp(word, words[i].name, length) != 0 || word[length] != '=') continue;
        char *end;
        const double value = strtod(word + length + 1, &end);
        memcpy((char *)simulated + words[i].at, &value, sizeof value);
        return end != word + length + 1 && *end == 0 && value >= 0;
    }
    return false;
}

bool sim_case_read(struct sim_case *simulated, int count, char **words, const char **wrong) {
    *simulated = (struct sim_case){.workers = 1, .task_us = 1000, .tasks = 100, .slow_half = 1, .straggler = 1};
    for (int i = 0; i < count; i++) {
        *wrong = words[i];
        if (!read_word(simulated, words[i])) return false;
    }
    return simulated->workers >= 1 && simulated->tasks >= 1;
}
