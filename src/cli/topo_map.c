/* The map of rankpool topo: every host, its packages, NUMA nodes and cores, and who is on each of these.
 *
 * A core is a cell: the number of the worker that is pinned to it, or a sign. Where the hardware threads of a core
 * differ, the cell has all of them ("3+4", "3+."); where they do not, it has one. Hosts whose machines and
 * placements are the same but for the workers' numbers are drawn once. */
#include "topo_map.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 120, LABEL = 24, CELLS_MAX = 16, RANGES_SHOWN = 6, MASKS_SHOWN = 8 };

/* Who is on a hardware thread: the number of a worker, or one of these. */
enum { NOBODY = -1, SEVERAL = -2, FLOATING = -3 };

/* A host with its workers. */
struct map {
    const struct topo_host *host;
    const struct topo_worker **worker; /* [workers], in the order of their numbers */
    size_t workers;
    int64_t *on; /* [host->pus] who is there */
    bool drawn;
};

/* A text that ends with "..." where it is too long. */
struct words {
    char text[256];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const size_t room = sizeof words->text - words->length;
    const int length = vsnprintf(words->text + words->length, room, format, arguments);
    va_end(arguments);
    if (length < 0) return;
    words->length += (size_t)length < room ? (size_t)length : room - 1;
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

const char *topo_mask_text(const cpu_set_t *mask, char *text, size_t size) {
    size_t length = 0;
    text[0] = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, mask)) continue;
        if (length + 20 > size) { /* it may not fit: two numbers, and these dots */
            snprintf(text + length, size - length, ",...");
            break;
        }
        int last = cpu;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, mask)) last++;
        length += (size_t)snprintf(text + length, size - length, last > cpu ? "%s%d-%d" : "%s%d", length ? "," : "",
                                   cpu, last);
        cpu = last;
    }
    return text;
}

/* ---- What is where ------------------------------------------------------------------------------------- */

static void settle(struct map *map, const struct topo_worker *worker) {
    for (size_t i = 0; i < map->host->pus; i++) {
        const int cpu = map->host->pu[i].cpu;
        if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &worker->mask)) continue;
        if (!worker->where.bound)
            map->on[i] = map->on[i] == NOBODY ? FLOATING : map->on[i];
        else
            map->on[i] = map->on[i] == NOBODY || map->on[i] == FLOATING ? (int64_t)worker->where.worker : SEVERAL;
    }
}

static bool same_machine(const struct topo_host *a, const struct topo_host *b) {
    if (a->pus != b->pus) return false;
    for (size_t i = 0; i < a->pus; i++) {
        const rp_pu *x = &a->pu[i], *y = &b->pu[i];
        if (x->cpu != y->cpu || x->package != y->package || x->numa != y->numa || x->core != y->core) return false;
        if (x->allowed != y->allowed || x->agent != y->agent) return false;
    }
    return true;
}

static bool are_alike(const struct map *a, const struct map *b) {
    if (a->workers != b->workers || !same_machine(a->host, b->host)) return false;
    for (size_t i = 0; i < a->workers; i++) {
        const struct topo_worker *x = a->worker[i], *y = b->worker[i];
        if (x->where.bound != y->where.bound || x->where.local != y->where.local || !CPU_EQUAL(&x->mask, &y->mask))
            return false;
    }
    return true;
}

/* The core of a hardware thread, which is one by itself where the machine knows no cores. */
static int core_of(const rp_pu *pu) { return pu->core >= 0 ? pu->core : pu->cpu; }

static size_t end_of_core(const struct topo_host *host, size_t at) {
    size_t end = at + 1;
    while (end < host->pus && core_of(&host->pu[end]) == core_of(&host->pu[at])) end++;
    return end;
}

/* ---- Numbers and names, as ranges ---------------------------------------------------------------------- */

static int64_t number_of(const struct topo_worker *worker, bool rank) {
    return rank ? (int64_t)worker->where.rank : (int64_t)worker->where.worker;
}

/* "s 0-3,8" of the workers' numbers, or of their ranks'. */
static void say_numbers(struct words *words, const struct map *map, bool rank) {
    const int64_t first = number_of(map->worker[0], rank), last = number_of(map->worker[map->workers - 1], rank);
    unsigned shown = 0;
    say(words, "%s ", first == last ? "" : "s");
    for (size_t i = 0; i < map->workers; i++) {
        const int64_t begin = number_of(map->worker[i], rank);
        int64_t end = begin;
        while (i + 1 < map->workers && number_of(map->worker[i + 1], rank) - end <= 1)
            end = number_of(map->worker[++i], rank);
        if (shown++ == RANGES_SHOWN) {
            say(words, ",...%lld", (long long)last);
            return;
        }
        say(words, end > begin ? "%s%lld-%lld" : "%s%lld", shown > 1 ? "," : "", (long long)begin, (long long)end);
    }
}

/* "workers 0-7 of ranks 0-1, 4 each" */
static void say_workers(struct words *words, const struct map *map) {
    size_t ranks = 0, least = SIZE_MAX, most = 0;
    for (size_t i = 0, begin = 0; i < map->workers; i++) {
        if (i + 1 < map->workers && map->worker[i + 1]->where.rank == map->worker[i]->where.rank) continue;
        const size_t crew = i + 1 - begin;
        begin = i + 1;
        ranks++;
        if (crew < least) least = crew;
        if (crew > most) most = crew;
    }
    say(words, "worker");
    say_numbers(words, map, false);
    say(words, " of rank");
    say_numbers(words, map, true);
    if (ranks > 1 && least < most) say(words, ", %zu to %zu each", least, most);
    if (ranks > 1 && least == most && most > 1) say(words, ", %zu each", most);
}

/* Does `b` come right after `a`, as host8 and host9 do, node09 and node10 also, in names of one form? */
static bool is_next(const char *a, const char *b) {
    size_t end = strlen(a);
    while (end && !(a[end - 1] >= '0' && a[end - 1] <= '9')) end--;
    size_t begin = end;
    while (begin && a[begin - 1] >= '0' && a[begin - 1] <= '9' && end - begin < 9) begin--;
    if (begin == end) return false;
    char expected[96];
    snprintf(expected, sizeof expected, "%.*s%0*lu%s", (int)begin, a, (int)(end - begin),
             strtoul(a + begin, NULL, 10) + 1, a + end);
    return !strcmp(expected, b);
}

/* The hosts of maps[first] on that are like it, by name; they are drawn with that. Their workers go into `all`. */
static void say_alike(struct words *words, struct map *maps, size_t count, size_t like, struct map *all) {
    const char *begin = NULL, *last = NULL;
    unsigned shown = 0;
    for (size_t i = like + 1; i <= count; i++) {
        const bool alike = i < count && !maps[i].drawn && are_alike(&maps[like], &maps[i]);
        if (alike) {
            memcpy(all->worker + all->workers, maps[i].worker, maps[i].workers * sizeof *all->worker);
            all->workers += maps[i].workers;
            maps[i].drawn = true;
        }
        if (alike && last && is_next(last, maps[i].host->name)) {
            last = maps[i].host->name;
            continue;
        }
        if (!alike && i < count) continue;
        if (last && shown++ < RANGES_SHOWN)
            say(words, begin == last ? "%s%s" : "%s%s-%s", shown > 1 ? "," : "", begin, last);
        if (alike) begin = last = maps[i].host->name;
    }
    if (shown > RANGES_SHOWN) say(words, ",...%s", last);
}

/* ---- Drawing ------------------------------------------------------------------------------------------- */

static void say_place(struct words *cell, const rp_pu *pu, int64_t on) {
    if (on >= 0)
        say(cell, "%lld", (long long)on);
    else
        say(cell, "%c", on == SEVERAL ? '!' : on == FLOATING ? '~' : pu->agent ? 'a' : pu->allowed ? '.' : 'x');
}

/* Hardware threads of the core that nobody may use and nobody does are left out where others are not. */
static void say_core(struct words *cell, const struct map *map, size_t begin, size_t end) {
    size_t shown = 0;
    struct words first = {.length = 0};
    bool differ = false;
    for (size_t i = begin; i < end; i++) {
        if (map->on[i] == NOBODY && !map->host->pu[i].allowed) continue;
        struct words place = {.length = 0};
        say_place(&place, &map->host->pu[i], map->on[i]);
        say(cell, "%s%s", shown ? "+" : "", place.text);
        if (!shown++) first = place;
        differ |= strcmp(first.text, place.text) != 0;
    }
    if (!shown) say(cell, "x");
    if (shown && !differ) *cell = first;
}

static size_t widest_cell(const struct map *map) {
    size_t widest = 1;
    for (size_t at = 0, end; at < map->host->pus; at = end) {
        struct words cell = {.length = 0};
        end = end_of_core(map->host, at);
        say_core(&cell, map, at, end);
        if (cell.length > widest) widest = cell.length;
    }
    return widest;
}

/* Rows of cells; each package and NUMA node begins one, with its name. */
static void draw_cores(FILE *out, const struct map *map) {
    const struct topo_host *host = map->host;
    const int width = (int)widest_cell(map);
    size_t most = CELLS_MAX, cells = 0;
    while (most > 1 && LABEL + most * ((size_t)width + 1) > COLUMNS) most /= 2;
    for (size_t at = 0, end; at < host->pus; at = end) {
        const rp_pu *pu = &host->pu[at], *before = at ? pu - 1 : NULL;
        const bool package = !before || before->package != pu->package;
        const bool numa = package || before->numa != pu->numa;
        end = end_of_core(host, at);
        if (numa || cells == most) {
            char names[2][24] = {"", ""};
            if (package && pu->package >= 0) snprintf(names[0], sizeof names[0], "package %d", pu->package);
            if (numa && pu->numa >= 0) snprintf(names[1], sizeof names[1], "NUMA %d", pu->numa);
            fprintf(out, "%s  %-10s %-7s%3d:", at ? "\n" : "", names[0], names[1], core_of(pu));
            cells = 0;
        }
        struct words cell = {.length = 0};
        say_core(&cell, map, at, end);
        fprintf(out, " %*s", width, cell.text);
        cells++;
    }
    if (host->pus) fputc('\n', out);
}

/* Those that are on no core of their own, by the CPUs that they may use. */
static void draw_unpinned(FILE *out, const struct map *map) {
    unsigned shown = 0;
    struct map same = {.worker = calloc(map->workers, sizeof *same.worker)};
    for (size_t i = 0; same.worker && i < map->workers && shown <= MASKS_SHOWN; i++) {
        const cpu_set_t *mask = &map->worker[i]->mask;
        bool again = map->worker[i]->where.bound;
        for (size_t k = 0; k < i && !again; k++)
            again = !map->worker[k]->where.bound && CPU_EQUAL(&map->worker[k]->mask, mask);
        if (again) continue;
        if (shown++ == MASKS_SHOWN) {
            fputs("  and others that are not pinned: --list has them\n", out);
            break;
        }
        same.workers = 0;
        for (size_t k = i; k < map->workers; k++)
            if (!map->worker[k]->where.bound && CPU_EQUAL(&map->worker[k]->mask, mask))
                same.worker[same.workers++] = map->worker[k];
        struct words words = {.length = 0};
        char cpus[48];
        say_workers(&words, &same);
        fprintf(out, "  not pinned, on CPUs %s: %.*s\n", topo_mask_text(mask, cpus, sizeof cpus), COLUMNS - 72,
                words.text);
    }
    free(same.worker);
}

static void draw_head(FILE *out, const struct map *map) {
    const struct topo_host *host = map->host;
    size_t cores = 0, packages = 0, nodes = 0;
    for (size_t at = 0; at < host->pus; at = end_of_core(host, at)) cores++;
    for (size_t i = 0; i < host->pus; i++) {
        const rp_pu *pu = &host->pu[i], *before = i ? pu - 1 : NULL;
        packages += pu->package >= 0 && (!before || before->package != pu->package);
        nodes += pu->numa >= 0 && (!before || before->numa != pu->numa);
    }
    struct words words = {.length = 0};
    say_workers(&words, map);
    fprintf(out, "%.56s: %zu package%s, %zu NUMA node%s, %zu core%s", host->name, packages, plural(packages), nodes,
            plural(nodes), cores, plural(cores));
    if (host->pus > cores) fprintf(out, ", %zu hardware threads", host->pus);
    fprintf(out, "\n  %.*s\n", COLUMNS - 2, words.text);
}

/* What the signs of this map mean, those that it has. */
static void draw_legend(FILE *out, const struct map *maps, size_t count) {
    bool unused = false, denied = false, agent = false, floating = false, several = false, parts = false;
    bool settled = false; /* is there an agent with a hardware thread of its own? */
    for (size_t m = 0; m < count; m++) {
        for (size_t i = 0; i < maps[m].host->pus; i++) settled |= maps[m].host->pu[i].agent;
        for (size_t at = 0, end; at < maps[m].host->pus; at = end) {
            struct words cell = {.length = 0};
            end = end_of_core(maps[m].host, at);
            say_core(&cell, &maps[m], at, end);
            unused |= strchr(cell.text, '.') != NULL;
            denied |= strchr(cell.text, 'x') != NULL;
            agent |= strchr(cell.text, 'a') != NULL;
            floating |= strchr(cell.text, '~') != NULL;
            several |= strchr(cell.text, '!') != NULL;
            parts |= strchr(cell.text, '+') != NULL;
        }
    }
    fprintf(out, "N: worker N pinned%s%s%s%s%s%s%s\n", unused ? "  .: unused" : "", denied ? "  x: not allowed" : "",
            agent ? "  a: agent" : "", floating ? "  ~: not pinned" : "", several ? "  !: several workers" : "",
            parts ? "  +: threads of a core" : "", settled ? "" : "  agents float");
}

static int draw(FILE *out, struct map *maps, size_t count, size_t workers) {
    struct map all = {.worker = calloc(workers + 1, sizeof *all.worker)};
    if (!all.worker) return RP_ENOMEM;
    for (size_t m = 0; m < count; m++) {
        if (maps[m].drawn) continue;
        draw_head(out, &maps[m]);
        draw_cores(out, &maps[m]);
        draw_unpinned(out, &maps[m]);
        struct words hosts = {.length = 0}, words = {.length = 0};
        all.workers = 0;
        say_alike(&hosts, maps, count, m, &all);
        if (!all.workers) continue;
        say_workers(&words, &all);
        fprintf(out, "%.*s: the same\n  %.*s\n", COLUMNS - 10, hosts.text, COLUMNS - 2, words.text);
    }
    draw_legend(out, maps, count);
    free(all.worker);
    return 0;
}

static int prepare(struct map *map, const struct topo *topo, size_t host) {
    map->host = &topo->host[host];
    map->worker = calloc(topo->workers + 1, sizeof *map->worker);
    map->on = calloc(map->host->pus + 1, sizeof *map->on);
    if (!map->worker || !map->on) return RP_ENOMEM;
    for (size_t i = 0; i < map->host->pus; i++) map->on[i] = NOBODY;
    for (size_t i = 0; i < topo->workers; i++) {
        if (topo->worker[i].host != host) continue;
        map->worker[map->workers++] = &topo->worker[i];
        settle(map, &topo->worker[i]);
    }
    return 0;
}

int topo_map_print(FILE *out, const struct topo *topo) {
    struct map *maps = calloc(topo->hosts + 1, sizeof *maps);
    int rc = maps ? 0 : RP_ENOMEM;
    for (size_t i = 0; i < topo->hosts && rc == 0; i++) rc = prepare(&maps[i], topo, i);
    if (rc == 0) rc = draw(out, maps, topo->hosts, topo->workers);
    for (size_t i = 0; maps && i < topo->hosts; i++) {
        free(maps[i].worker);
        free(maps[i].on);
    }
    free(maps);
    return rc;
}
