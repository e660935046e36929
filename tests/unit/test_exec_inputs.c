/* The inputs of `rankpool exec`: sets of values in GNU parallel's order, and lines that cannot be arguments refused in
 * words that name them. */
#include "exec/inputs.h"
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__}), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static char *const file_name = (char[]){"test_exec_inputs.XXXXXX"};

static void write_file(const char *data, size_t size) {
    int fd = open(file_name, O_WRONLY | O_TRUNC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, data, size), (ssize_t)size);
    close(fd);
}
static void write_text(const char *text) { write_file(text, strlen(text)); }

/* What was read, sets one a line with blanks between the values; or the message. Static storage of the caller. */
static const char *read_all(const struct exec_inputs_options *options, const char *const *words, size_t count,
                            char text[512]) {
    struct exec_inputs *inputs;
    struct exec_bytes set = {0}, all = {0};
    rp_error error = {0};
    int rc = exec_inputs_open(&inputs, options, words, count, &error);
    if (!rc) {
        if (options->header) exec_inputs_header(inputs, &all);
        for (size_t i = 0; i < all.size; i++)
            if (!all.data[i]) all.data[i] = i + 1 < all.size ? ' ' : ':';
        while ((rc = exec_inputs_next(inputs, &set, &error)) == 1) {
            for (size_t i = 0; i + 1 < set.size; i++) exec_bytes_add(&all, set.data[i] ? &set.data[i] : " ", 1);
            exec_bytes_text(&all, "\n");
        }
        CU_ASSERT(rc < 0 || exec_inputs_next(inputs, &set, &error) == 0);
        exec_inputs_free(inputs);
    }
    exec_bytes_add(&all, "", 1);
    snprintf(text, 512, "%s", rc ? error.text : all.data);
    exec_bytes_free(&all);
    exec_bytes_free(&set);
    return text;
}

#define CHECK(expected, options, ...)                                                                                  \
    do {                                                                                                               \
        char text[512];                                                                                                \
        read_all((options), WORDS(__VA_ARGS__), text);                                                                 \
        CU_ASSERT_STRING_EQUAL(text, expected);                                                                        \
        if (strcmp(text, expected)) printf("\n    gave: %s\n", text);                                                  \
    } while (0)

static const struct exec_inputs_options plain;

static void several_sources_are_combined_the_last_one_fastest(void) {
    CHECK("1 a\n1 b\n2 a\n2 b\n", &plain, ":::", "1", "2", ":::", "a", "b");
    CHECK("1 x p\n1 x q\n2 x p\n2 x q\n", &plain, ":::", "1", "2", ":::", "x", ":::", "p", "q");
    CHECK("", &plain, ":::", "1", "2", ":::");
}

static void linked_sources_step_together_and_the_longer_is_cut(void) {
    CHECK("1 a\n2 b\n", &plain, ":::", "1", "2", ":::+", "a", "b", "c");
    CHECK("1 a\n2 b\n", &plain, ":::", "1", "2", "3", ":::+", "a", "b");
    CHECK("1 a x\n1 a y\n2 b x\n2 b y\n", &plain, ":::", "1", "2", ":::+", "a", "b", ":::", "x", "y");
    CHECK("x 1 a\nx 2 b\ny 1 a\ny 2 b\n", &plain, ":::", "x", "y", ":::", "1", "2", ":::+", "a", "b");
}

static void lines_of_files_are_combined_like_words(void) {
    write_text("p\n\nq"); /* an empty line is a value; the last needs no end */
    CHECK("p\n\nq\n", &plain, "::::", file_name);
    CHECK("1 p\n1 \n1 q\n2 p\n2 \n2 q\n", &plain, ":::", "1", "2", "::::", file_name);
    CHECK("p p\np \np q\n p\n \n q\nq p\nq \nq q\n", &plain, "::::", file_name, file_name);
    CHECK("p 1\n 2\n", &plain, "::::", file_name, ":::+", "1", "2");
    const char *const files[] = {file_name};
    CHECK("p x\n x\nq x\n", (&(struct exec_inputs_options){.files = files, .file_count = 1}), ":::", "x");
}

/* The file becomes this program's standard input, by a pipe that cannot be rewound. */
static void standard_input_can_be_any_source(void) {
    int pipes[2], kept = dup(STDIN_FILENO);
    for (int turn = 0; turn < 2; turn++) {
        CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
        CU_ASSERT_EQUAL(write(pipes[1], "p\nq\n", 4), 4);
        close(pipes[1]);
        dup2(pipes[0], STDIN_FILENO);
        close(pipes[0]);
        if (turn == 0)
            CHECK("1 p\n1 q\n2 p\n2 q\n", &plain, ":::", "1", "2", "::::", "-");
        else
            CHECK("p 1\nq 1\n", &plain, "::::", "-", ":::", "1");
    }
    dup2(kept, STDIN_FILENO);
    close(kept);
    CHECK("-: standard input can be one source only, and was given twice", &plain, "::::", "-", "-");
}

static void linked_sources_begin_again_until_all_have_ended(void) {
    const struct exec_inputs_options link = {.link = true}, named = {.link = true, .header = true};
    write_text("p\nq\n");
    CHECK("1 a\n2 b\n3 a\n", &link, ":::", "1", "2", "3", ":::", "a", "b");
    CHECK("1 p x\n2 q x\n3 p x\n", &link, ":::", "1", "2", "3", "::::", file_name, ":::", "x");
    CHECK("", &link, ":::", "1", ":::");
    CHECK("n p:1 q\n2 q\n", &named, ":::", "n", "1", "2", "::::", file_name);
}

static void the_first_values_name_the_inputs(void) {
    write_text("a,b\n1,2\n3,4\n");
    const struct exec_inputs_options header = {.header = true}, columns = {.header = true, .column = ","};
    CHECK("a b:1 2\n3 4\n", &columns, "::::", file_name);
    CHECK("x y:1 4\n1 5\n2 4\n2 5\n", &header, ":::", "x", "1", "2", ":::", "y", "4", "5");
    CHECK("a,b x:1,2 7\n1,2 8\n3,4 7\n3,4 8\n", &header, "::::", file_name, ":::", "x", "7", "8");
    CHECK("", &header, ":::", "x", ":::");
    CHECK("cannot open no/such: No such file or directory", &header, "::::", "no/such");
}

static void blanks_are_trimmed_and_left_out_where_that_is_wanted(void) {
    const struct exec_inputs_options left = {.trim_left = true}, right = {.trim_right = true},
                                     none = {.no_blank = true};
    CHECK("a \nb\t c\n\n", &left, ":::", " a ", "\n\tb\t c", "  ");
    CHECK(" a\nb\n\n", &right, ":::", " a ", "b\t\n", " ");
    CHECK(" a \n", &none, ":::", "", " ", " a ", "\t");
}

static void columns_and_counts_make_sets(void) {
    write_text("a,b\nc,,d\n");
    CHECK("a b\nc  d\n", (&(struct exec_inputs_options){.column = ","}), "::::", file_name);
    CHECK("1 2\n3\n", (&(struct exec_inputs_options){.arguments = 2}), ":::", "1", "2", "3");
    CHECK("-N takes its values from one source, and several were given; give one",
          (&(struct exec_inputs_options){.arguments = 2}), ":::", "1", ":::", "2");
    write_file("a\nb\0c", 5);
    CHECK("a\nb\nc\n", (&(struct exec_inputs_options){.null = true}), "::::", file_name);
}

static void comments_and_empty_lines_are_no_commands(void) {
    write_text("# x\n\n  \necho 1 # one\n  # y\necho 2\n");
    struct exec_inputs_options options = {.commands = file_name};
    char text[512];
    CU_ASSERT_STRING_EQUAL(read_all(&options, NULL, 0, text), "echo 1 # one\necho 2\n");
}

static void lines_that_cannot_be_arguments_are_refused_by_number(void) {
    char text[512], name[512];
    write_text("a\nb\r\n");
    snprintf(name, sizeof name, "%s: line 2 has a Windows line end", file_name);
    CU_ASSERT_EQUAL(strncmp(read_all(&plain, WORDS("::::", file_name), text), name, strlen(name)), 0);
    write_file("a\nb\nc\0d\n", 8);
    snprintf(name, sizeof name, "%s: line 3 has a NUL byte in it; if NUL ends the inputs, give --null", file_name);
    CU_ASSERT_STRING_EQUAL(read_all(&plain, WORDS("::::", file_name), text), name);
    read_all(&plain, WORDS("::::", "no/such/file"), text);
    CU_ASSERT_STRING_EQUAL(text, "cannot open no/such/file: No such file or directory");
    read_all(&plain, WORDS("::::", "/"), text);
    CU_ASSERT_STRING_EQUAL(text, "cannot read /: it is a directory; expected a file of lines");
}

static void the_longest_line_that_can_be_an_argument_is_one(void) {
    char *data = malloc(1 << 20);
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    memset(data, 'x', 1 << 20);
    for (int over = 0; over < 2; over++) {
        struct exec_inputs *inputs;
        struct exec_bytes set = {0};
        rp_error error = {0};
        write_file(data, over ? 1 << 20 : EXEC_VALUE_MAX);
        CU_ASSERT_EQUAL_FATAL(exec_inputs_open(&inputs, &plain, WORDS("::::", file_name), &error), 0);
        CU_ASSERT_EQUAL(exec_inputs_next(inputs, &set, &error), over ? RP_EUSAGE : 1);
        CU_ASSERT_EQUAL(set.size, over ? 0 : EXEC_VALUE_MAX + 1);
        CU_ASSERT_EQUAL(strstr(error.text, "line 1 is longer than 131071 bytes") != NULL, over == 1);
        exec_inputs_free(inputs);
        exec_bytes_free(&set);
    }
    free(data);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(several_sources_are_combined_the_last_one_fastest),
        UNIT(linked_sources_step_together_and_the_longer_is_cut),
        UNIT(lines_of_files_are_combined_like_words),
        UNIT(standard_input_can_be_any_source),
        UNIT(linked_sources_begin_again_until_all_have_ended),
        UNIT(the_first_values_name_the_inputs),
        UNIT(blanks_are_trimmed_and_left_out_where_that_is_wanted),
        UNIT(columns_and_counts_make_sets),
        UNIT(comments_and_empty_lines_are_no_commands),
        UNIT(lines_that_cannot_be_arguments_are_refused_by_number),
        UNIT(the_longest_line_that_can_be_an_argument_is_one),
        {NULL, NULL},
    };
    int fd = chdir(unit_folder()) ? -1 : mkstemp(file_name);
    if (fd < 0) return 1;
    close(fd);
    int code = unit_run("exec_inputs", tests);
    unlink(file_name);
    return code;
}
