/* What the files of `rankpool scale` share: scale.c reads the arguments and measures, scale_layout.c says on what,
 * scale_weak.c lets the work grow, scale_report.c prints, scale_plot.c draws, scale_fit.c fits. */
#ifndef RP_CLI_SCALE_H
#define RP_CLI_SCALE_H

#include "cli.h"
#include "scale_fit.h"

/* The kinds of layout, each a curve of its own. */
enum scale_series {
    SCALE_SEQUENTIAL,   /* one worker in rank 0 itself: no pool of processes */
    SCALE_THREADS,      /* of one rank, on one node */
    SCALE_PROCESSES,    /* the same, in processes */
    SCALE_PACKED,       /* a rank a node with a crew for all cores, on as few nodes as have them */
    SCALE_SPREAD,       /* a rank a node with crews, on as many nodes as there are */
    SCALE_PACKED_RANKS, /* the ranks of the launch with a worker each: all ranks of a node before the next node */
    SCALE_SPREAD_RANKS, /* the same, a rank of each node in turn */
    SCALE_SERIES
};

/* Where a job is measured: the first rank_count of `ranks` have workers. */
struct scale_layout {
    enum scale_series series;
    uint32_t nodes, workers;
    const int *ranks;
    uint32_t rank_count;
    uint32_t crew;      /* workers a rank; 0: `workers` dealt out evenly */
    bool fits;          /* its workers have a core each */
    char left_out[160]; /* why it was not measured; "": it was */
    double *seconds;    /* [rounds], as measured */
    size_t rounds;
    double total_s;                   /* of all rounds */
    double busy_s, idle_s, workers_s; /* summed over workers and rounds; of workers_s the first two are parts */
    bool has_output;
    uint64_t output_hash, output_size; /* of the first round; that of the others is the same */
};

/* The nodes and ranks of the launch. */
struct scale_site {
    uint32_t nodes, ranks;
    uint32_t *cores; /* [nodes] that the launcher gave */
    uint32_t *limit; /* [nodes] workers to go up to */
    uint32_t *begin; /* [nodes + 1] by_node[begin[n]..begin[n + 1]) are the ranks of node n */
    int *first;      /* [nodes] the first rank of each */
    int *by_node;    /* [ranks] all, node by node */
    int *by_turn;    /* [ranks] all, one of each node in turn */
};

/* scale_layout.c: plain functions of numbers. */
/* From the node of each rank; cores and limit are 0. false: out of memory. */
bool scale_site_open(struct scale_site *site, uint32_t nodes, const int *host_of, uint32_t ranks);
void scale_site_close(struct scale_site *site);
/* What is measured there; `ranks` of each point into the site. NULL: out of memory. */
struct scale_layout *scale_layouts(const struct scale_site *site, size_t *count);
/* The next size after `size` on the way to `last`: each up to 4, then powers of two, then `last`. */
uint32_t scale_next_size(uint32_t size, uint32_t last);

/* A run of the tool. */
struct scale {
    const rp_job *job;
    int argc; /* of the job */
    const char *const *argv;
    const rp_job_given *given;                        /* options, of the job and of scale */
    uint64_t repeat_least, repeat_most, node_workers; /* node_workers 0: one a core */
    double min_time_s;
    bool weak, csv, json;
    const char *plot; /* a file's name, or NULL */
    struct scale_site site;
    struct scale_layout *layout; /* [layouts], the first is the sequential one */
    size_t layouts;
};

/* What is told of a layout. */
struct scale_row {
    double seconds, spread; /* median; half of the range, as a part of it */
    double speedup, efficiency, serial;
    double computing, waiting, dealing; /* parts of the workers' time */
};

/* scale_report.c */
const char *scale_series_name(enum scale_series series);
/* Hands on the words by which the job was asked for: its name, its own options, and its arguments. */
void scale_each_word(const struct scale *scale, void (*take)(void *self, const char *word), void *self);
double scale_median(const double *seconds, size_t count);
struct scale_row scale_row(const struct scale *scale, const struct scale_layout *layout);
/* The points of a curve in the order of their workers; of packed nodes, those of the first node come before. Room for
 * scale->layouts. `of` are their layouts, where it is not NULL. */
size_t scale_curve(const struct scale *scale, enum scale_series series, struct scale_point *point,
                   const struct scale_layout **of);
/* 0 or RP_EOUTPUT. */
int scale_report(FILE *out, const struct scale *scale);

/* scale_weak.c */
/* Can the job's work grow with the workers? 0 or rp_job_fail(). */
int scale_weak_check(rp_job_run *run, const struct scale *scale);
/* The number of workers of a layout for which the job's range would pass 2^64, or 0. */
uint32_t scale_weak_beyond(const struct scale *scale);
/* The job's arguments for `times` the work: what they point to and the list are one piece of memory, the caller's to
 * free. NULL: out of memory. */
const char **scale_arguments(const struct scale *scale, uint32_t times, int *argc);

/* scale_plot.c */
/* Is the ending one that can be drawn? */
bool scale_plot_knows(const char *file);
/* Writes the data and the script beside the picture and has gnuplot draw it. An exit code; tells on stderr. */
int scale_plot(const struct scale *scale);

#endif
