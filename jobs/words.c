/* Words from a stream: read(2) fills a buffer, each word is put into the map as soon as its end is seen, and what is
 * left of the last one moves to the front. So a word typed into a pipe is dealt at once, and 50 MB cost one buffer.
 * Between two reads the buffer holds the beginning of one unfinished word, or nothing. */
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All that a stream holds is kept here, for the release: the thread that feeds may be cancelled at any read. */
struct reader {
    rp_map *map;
    int fd; /* -1: not open */
    char *data;
    size_t used, capacity;
    bool skipping; /* the rest of a word that was too long and is put already */
};

struct words {
    const char *const *argv;
    int argc;
    const char *file; /* NULL: standard input, when `stream` is set */
    bool stream;
    struct reader reader;
};

static bool is_stdin(const char *word) { return strcmp(word, "-") == 0; }

static int check_words(rp_job_run *run, int argc, const char *const argv[], const char *what, rp__word_check *check) {
    for (int i = 0; i < argc; i++) {
        rp_error error;
        if (is_stdin(argv[i]))
            return rp_job_fail(run, "- (standard input) cannot be mixed with other words; give it alone");
        if (check(argv[i], strlen(argv[i]), &error)) return rp_job_fail(run, "%s %s", what, error.text);
    }
    return 0;
}

int rp__words_plan(rp_job_run *run, int argc, const char *const argv[], const char *file, const char *what,
                   rp__word_check *check) {
    bool from_stdin = argc == 1 && is_stdin(argv[0]);
    if (file && argc > 0)
        return rp_job_fail(run, "--file %.60s and \"%.60s\" were both given; give one", file, argv[0]);
    if (!file && argc == 0)
        return rp_job_fail(run, "no %s was given; expected one or more, or - for standard input", what);
    int code = from_stdin ? 0 : check_words(run, argc, argv, what, check);
    if (code) return code;
    struct words *words = malloc(sizeof *words);
    if (!words) return rp_job_fail(run, "out of memory");
    *words =
        (struct words){.argv = argv, .argc = argc, .file = file, .stream = file || from_stdin, .reader = {.fd = -1}};
    run->state = words;
    run->map.count = RP_FED;
    return 0;
}

void rp__words_release(rp_job_run *run) {
    struct words *words = run->state;
    if (words->file && words->reader.fd >= 0) close(words->reader.fd);
    free(words->reader.data);
    free(words);
}

/* ---- Reading a stream ---------------------------------------------------------------------------------- */

enum { BUFFER = 256 << 10 };

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static int put_word(struct reader *reader, const char *word, size_t size) {
    if (!reader->skipping && size > 0) return rp_map_put(reader->map, word, size);
    reader->skipping = false;
    return 0;
}

/* Put the words that have come to their end, of which the first `scanned` bytes have no space in them. */
static int put_words(struct reader *reader, size_t scanned) {
    size_t begin = 0;
    for (size_t i = scanned; i < reader->used; i++) {
        if (!is_space(reader->data[i])) continue;
        if (i > begin || reader->skipping) {
            int code = put_word(reader, reader->data + begin, i - begin);
            if (code) return code;
        }
        begin = i + 1;
    }
    if (begin == 0) return 0;
    reader->used -= begin;
    memmove(reader->data, reader->data + begin, reader->used);
    return 0;
}

/* The buffer is one unfinished word: make it longer, or give the word up when it is too long already. */
static int make_room(struct reader *reader) {
    if (reader->skipping || reader->used > RP__WORD_MAX) {
        int code = reader->skipping ? 0 : rp_map_put(reader->map, reader->data, RP__WORD_MAX + 1);
        reader->skipping = true;
        reader->used = 0;
        return code;
    }
    size_t capacity = reader->capacity ? 2 * reader->capacity : BUFFER;
    char *data = realloc(reader->data, capacity);
    if (!data) return RP_ENOMEM;
    reader->data = data;
    reader->capacity = capacity;
    return 0;
}

/* 0, RP_ESYSTEM (see errno), or what rp_map_put said. */
static int read_words(struct reader *reader) {
    for (;;) {
        if (reader->used == reader->capacity) {
            int code = make_room(reader);
            if (code) return code;
        }
        ssize_t got = read(reader->fd, reader->data + reader->used, reader->capacity - reader->used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) { /* whoever shares our stdin made it non-blocking */
            poll(&(struct pollfd){.fd = reader->fd, .events = POLLIN}, 1, -1);
            continue;
        }
        if (got < 0) return RP_ESYSTEM;
        if (got == 0) return put_word(reader, reader->data, reader->used);
        size_t scanned = reader->used;
        reader->used += (size_t)got;
        int code = put_words(reader, scanned);
        if (code) return code;
    }
}

static int feed_stream(rp_job_run *run, struct reader *reader, const char *file) {
    const char *name = file ? file : "standard input";
    reader->fd = file ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (reader->fd < 0) return rp_job_fail(run, "cannot open \"%.160s\": %s", name, strerror(errno));
    int code = read_words(reader);
    return code == RP_ESYSTEM ? rp_job_fail(run, "cannot read %.160s: %s", name, strerror(errno)) : code;
}

int rp__words_feed(rp_job_run *run, rp_map *map) {
    struct words *words = run->state;
    words->reader.map = map;
    int code = words->stream ? feed_stream(run, &words->reader, words->file) : 0;
    for (int i = 0; !code && !words->stream && i < words->argc; i++)
        code = rp_map_put(map, words->argv[i], strlen(words->argv[i]));
    if (code == RP_ECLOSED) return 0; /* the map was stopped: that is for others to report */
    return code == RP_ENOMEM ? rp_job_fail(run, "out of memory while reading words") : code;
}
